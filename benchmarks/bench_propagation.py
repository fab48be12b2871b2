"""What more objects, memory strategies and views cost, and how much faster than plain code it is.

STM with random weights (they cost the same as trained ones) goes through a synthetic video; memory
is as full as in mid-video. All rows take turns frame by frame in one run, and ratios are medians
over the turns. The two strategies are every:5 and early:1,5 under one limit: after the second
frame both hold as many frames, so that they cost the same and share only what sees no object.

Example: `python benchmarks/bench_propagation.py --frames 3`
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence

import torch
from _measure import (
    Timing,
    measure_rows,
    measured_video,
    random_network,
    run_mid_video,
    synthetic_video,
    title,
)
from _plain_stm import plain_propagation
from rich.console import Console
from rich.table import Table
from torch import nn

from vostool.inference.prepare import prepare
from vostool.inference.propagation_options import PropagationOptions

ONE, TWO = ("every:5",), ("every:5", "early:1,5")
ROWS: dict[str, tuple[int, tuple[str, ...], str]] = {
    "1 object": (1, ONE, "none"),
    "1 object, two strategies": (1, TWO, "none"),
    "1 object, flip": (1, ONE, "flip"),
    "3 objects": (3, ONE, "none"),
    "3 objects, two strategies": (3, TWO, "none"),
    "plain code, 1 object": (1, ONE, "plain"),
    "plain code, 3 objects": (3, ONE, "plain"),
}
"""Objects, memory strategies and views; "plain" is the comparison."""
COMPARISONS = (
    ("1 object, two strategies", "1 object", "<= 1.60"),
    ("3 objects, two strategies", "3 objects", "<= 1.75"),
    ("3 objects", "1 object", "<= 2.20"),
    ("1 object, flip", "1 object", "<= 1.90"),
    ("plain code, 1 object", "1 object", "> 1"),
    ("plain code, 3 objects", "3 objects", "> 1"),
)


def propagate(
    network: nn.Module,
    size: tuple[int, int],
    frames: int,
    held: int,
    row: tuple[int, tuple[str, ...], str],
) -> Iterator[torch.Tensor]:
    """Yield vostool's probabilities `[N+1, H, W]` of every frame."""
    objects, strategies, views = row
    options = PropagationOptions(views=views)
    video = synthetic_video(size, frames, objects)
    for result in run_mid_video([network], video, held, strategies, options, probabilities=True):
        yield result.probabilities


def ways(options, names: Sequence[str]) -> dict[str, Callable[[], Iterator[torch.Tensor]]]:
    """How to start each row's run."""
    network = random_network(options.network)
    ready = prepare(network, torch.device("cpu"))
    found: dict[str, Callable[[], Iterator[torch.Tensor]]] = {}
    for name in names:
        row = ROWS[name]
        video = measured_video(options, row[0])
        if row[2] == "plain":
            arguments = (network, video.images, video.given[0], options.memory)
            found[name] = functools.partial(plain_propagation, *arguments)
        else:
            arguments = (ready, options.size, len(video), options.memory, row)
            found[name] = functools.partial(propagate, *arguments)
    return found


def differences(results: dict[str, list]) -> dict[str, float]:
    """Largest difference of probabilities between each plain row and ours."""
    found = {}
    for name, frames in results.items():
        ours = results.get(name.removeprefix("plain code, "))
        if name.startswith("plain code, ") and ours is not None:
            pairs = zip(frames, ours, strict=True)
            found[name] = max(float((one - other).abs().max()) for one, other in pairs)
    return found


def report(timing: Timing, equal: dict[str, float], heading: str) -> Table:
    """One row per comparison."""
    table = Table(title=heading)
    for column in ("what", "s per frame", "compared with", "ratio", "wanted", "difference"):
        left = column in ("what", "compared with")
        table.add_column(column, justify="left" if left else "right")
    compared = {first: (base, wanted) for first, base, wanted in COMPARISONS}
    for name in timing.seconds:
        base, wanted = compared.get(name, ("", ""))
        if base not in timing.seconds:
            base, wanted = "", ""
        ratio = f"{timing.ratio(name, base):.2f}" if base else ""
        difference = f"{equal[name]:.0e}" if name in equal else ""
        table.add_row(name, f"{timing.median(name):.2f}", base, ratio, wanted, difference)
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options, timing, results = measure_rows(__doc__, list(ROWS), ways, arguments)
    heading = title(f"STM {options.network}", options)
    Console(width=110).print(report(timing, differences(results), heading))


if __name__ == "__main__":
    main()
