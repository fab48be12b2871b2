"""The matching layer: how often it agrees with the exact solution, and what batching brings.

First, for settings of the layer, the share of random problems whose row maxima are the exact
assignment. Then the time for 10 objects x 50 proposals beside the same projections written as a
loop over frames and objects, each frame by itself (both with gradients, as in training).

Example: `python benchmarks/bench_assignment.py`
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from scipy.optimize import linear_sum_assignment

from vostool.nn.assignment import MatchingLayer, Start, starting_point

SETTINGS = (
    (10, 5, 0.1, Start.CHEAPEST),
    (10, 5, 0.1, Start.GREEDY),
    (40, 5, 0.1, Start.UNIFORM),
    (10, 5, 1.0, Start.UNIFORM),
    (400, 50, 0.1, Start.UNIFORM),
    (100, 100, 1.0, Start.UNIFORM),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problems", type=int, default=300)
    parser.add_argument("--frames", type=int, default=8, help="in a batch")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--most-projections", type=int, default=20_000, help="leaves out longer settings"
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    console = Console(width=110)
    console.print(agreement_table(options.problems, options.most_projections))
    console.print(speed_table(options.frames, options.repeats))


def agreement_table(problems: int, most_projections: int) -> Table:
    """Share of problems solved exactly, by setting and kind of costs."""
    kinds = {
        "3x10, uniform": costs(problems, (3, 10), clear=False),
        "3x10, one clear match per row": costs(problems, (3, 10), clear=True),
        "5x20, uniform": costs(problems, (5, 20), clear=False),
    }
    table = Table("steps / cycles / step", "start", *kinds, title="identical to the exact solution")
    for steps, cycles, step, start in SETTINGS:
        if steps * cycles > most_projections:
            continue
        layer = MatchingLayer(steps, cycles, step, start).eval()
        shares = [f"{agreement(layer, of_kind):.2f}" for of_kind in kinds.values()]
        table.add_row(f"{steps} / {cycles} / {step}", start.value, *shares)
    return table


def costs(problems: int, size: tuple[int, int], clear: bool) -> torch.Tensor:
    """Costs `[B, n, m]` in [0, 1]; with a clear match, one per row is cheaper by 1."""
    generator = np.random.default_rng(0)
    drawn = generator.random((problems, *size))
    if clear:
        for cost in drawn:
            cost[range(size[0]), generator.permutation(size[1])[: size[0]]] -= 1
    return torch.from_numpy(drawn)


def agreement(layer: MatchingLayer, problems: torch.Tensor) -> float:
    """Share of problems whose row maxima are the exact assignment."""
    best = layer(problems).argmax(-1).numpy()
    exact = [linear_sum_assignment(cost)[1] for cost in problems.numpy()]
    return float(np.mean([np.array_equal(a, b) for a, b in zip(best, exact, strict=True)]))


def speed_table(frames: int, repeats: int) -> Table:
    """Seconds for a batch of frames, as a loop and as the layer."""
    cost = torch.randn(frames, 10, 50, generator=torch.Generator().manual_seed(0))
    ways = {"loop over frames and objects": looped, "layer": MatchingLayer()}
    times: dict[str, list[float]] = {name: [] for name in ways}
    results = {}
    for _ in range(repeats):
        for name, way in ways.items():
            leaf = cost.clone().requires_grad_()
            begun = time.process_time()
            results[name] = way(leaf)
            results[name].square().sum().backward()
            times[name].append(time.process_time() - begun)
    medians = {name: float(np.median(values)) for name, values in times.items()}
    loop, layer = results.values()
    table = Table("what", "ms per frame", "times the layer", "wanted", "difference")
    name_of_loop, name_of_layer = ways
    ratio = medians[name_of_loop] / medians[name_of_layer]
    difference = float((loop - layer).detach().abs().max())
    for name in ways:
        table.add_row(name, f"{medians[name] / frames * 1e3:.2f}")
    table.add_row("loop / layer", "", f"{ratio:.0f}", ">= 20", f"{difference:.0e}")
    return table


def looped(cost: torch.Tensor) -> torch.Tensor:
    """The same iteration, each frame by itself, its rows and columns one after the other."""
    return torch.stack([_looped_frame(frame) for frame in cost])


def _looped_frame(cost: torch.Tensor) -> torch.Tensor:
    everything = torch.ones_like(cost, dtype=torch.bool)
    current = starting_point(cost.detach()[None], everything[None], Start.GREEDY)[0]
    total = torch.zeros_like(cost)
    for _ in range(10):
        current = current - 0.1 * cost
        corrections = [torch.zeros_like(cost)] * 3
        for _ in range(5):
            for index, onto in enumerate((_positive, _columns, _rows)):
                moved = current + corrections[index]
                current = onto(moved)
                corrections[index] = moved - current
        total = total + current
    return total / 10


def _positive(point: torch.Tensor) -> torch.Tensor:
    return torch.stack([row.clamp(min=0) for row in point])


def _columns(point: torch.Tensor) -> torch.Tensor:
    per_row = 1 / len(point)
    return torch.stack(
        [column - (column.sum() - 1).clamp(min=0) * per_row for column in point.unbind(1)], dim=1
    )


def _rows(point: torch.Tensor) -> torch.Tensor:
    return torch.stack([row - (row.sum() - 1) / len(row) for row in point])


if __name__ == "__main__":
    main()
