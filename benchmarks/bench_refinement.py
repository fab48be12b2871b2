"""What SCMN's parts add to STM's time per frame: refinement, constraint, ASPP.

All networks have the same trunk, widths and weights as the STM beside them, and take turns frame by
frame. The refinement must not add more than 35 percent.

Example: `python benchmarks/bench_refinement.py --frames 3`
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence

import torch
from _measure import (
    Timing,
    measure_rows,
    random_network,
    title,
)
from bench_propagation import ONE, propagate
from rich.console import Console
from rich.table import Table
from torch import nn

from vostool.inference.prepare import prepare
from vostool.models.systems import scmn

PARTS: dict[str, dict] = {
    "STM": {},
    "refinement": {"refinement": "residual"},
    "constraint": {"prior": "spatial-constraint"},
    "ASPP": {"mixer": "aspp"},
    "all of SCMN": {"mixer": "aspp", "prior": "spatial-constraint", "refinement": "residual"},
}
"""What each network has beside STM."""
NONE = {"mixer": "convolution", "prior": "none", "refinement": "none"}
ROWS = {
    f"{part}, {objects} object{'s' * (objects > 1)}": (part, objects)
    for objects in (1, 3)
    for part in PARTS
}
LIMIT = 1.35
"""Wanted of the refinement, in times of STM."""


def network_with(base: nn.Module, trunk: str, parts: dict) -> nn.Module:
    """An SCMN with these parts, all others left out, and else the weights of `base`, an STM."""
    torch.manual_seed(0)
    config = scmn.Config(backbone=trunk, weights="none", **{**NONE, **parts})
    network = scmn.build(config).eval().requires_grad_(False)
    own = network.state_dict()
    shared = {k: v for k, v in base.state_dict().items() if own[k].shape == v.shape}
    network.load_state_dict(shared, strict=False)
    if network.refinement is not None:
        nn.init.normal_(network.refinement.leave.weight, std=0.01)
    return network


def ways(options, names: Sequence[str]) -> dict[str, Callable[[], Iterator[torch.Tensor]]]:
    """How to start each row's run."""
    base = random_network(options.network)
    used = {ROWS[name][0] for name in names}
    ready = {
        part: prepare(network_with(base, options.network, PARTS[part]), torch.device("cpu"))
        for part in PARTS
        if part in used
    }
    # One more than is run: the last frame of a video is not memorised.
    frames = options.frames + 3
    found: dict[str, Callable[[], Iterator[torch.Tensor]]] = {}
    for name in names:
        part, objects = ROWS[name]
        row = (objects, ONE, "none")
        arguments = (ready[part], options.size, frames, options.memory, row)
        found[name] = functools.partial(propagate, *arguments)
    return found


def report(timing: Timing, heading: str) -> Table:
    """One row per network and number of objects."""
    table = Table(title=heading)
    for column in ("what", "s per frame", "times STM", "wanted"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for name in timing.seconds:
        part, _, objects = name.partition(", ")
        base = f"STM, {objects}"
        ratio = "" if part == "STM" or base not in timing.seconds else timing.ratio(name, base)
        wanted = f"<= {LIMIT}" if part == "refinement" and ratio else ""
        shown = f"{ratio:.2f}" if ratio else ""
        table.add_row(name, f"{timing.median(name):.2f}", shown, wanted)
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options, timing, _ = measure_rows(__doc__, list(ROWS), ways, arguments)
    heading = title(f"SCMN's parts on STM {options.network}", options)
    Console(width=110).print(report(timing, heading))


if __name__ == "__main__":
    main()
