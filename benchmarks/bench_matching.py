"""How long matching takes beside what it could be done with: ratios of one run.

Global matching is compared with a memory read (torch's fused attention) over the same pixels and
channels; local matching with the formulation that unfolds the previous frame's neighbourhoods.
Sizes are those of stride 4 at the frame's size, channels and windows those of CFBI+.

Example: `python benchmarks/bench_matching.py --threads 2`
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Sequence

import torch
from _measure import CLOCKS, common_parser, machine, positive
from rich.console import Console
from rich.table import Table
from torch.nn import functional as F

from vostool.nn.matching.global_matching import ReferenceSet
from vostool.nn.matching.local_matching import local_nearest, stored_order

CHANNELS = 32
WINDOWS = (4, 8, 12, 16, 20, 24)
RATE = 2
WANTED_GLOBAL, WANTED_LOCAL = 1.3, 3.0
TOLERANCE = 1e-5


def unfolded(
    query: torch.Tensor, previous: torch.Tensor, labels: torch.Tensor, instances: int
) -> torch.Tensor:
    """Local matching by unfolding: all neighbourhoods as one array, then distances and minima."""
    reach = max(WINDOWS) // RATE
    side = 2 * reach + 1
    size = query.shape[-2:]

    def neighbourhoods(maps: torch.Tensor, outside: float) -> torch.Tensor:
        padded = F.pad(maps, [reach * RATE] * 4, value=outside)
        return F.unfold(padded, side, dilation=RATE).unflatten(1, (-1, side * side))

    near = neighbourhoods(previous, 0.0)
    distances = (query.flatten(2)[:, :, None] - near).square_().sum(1)
    owner = neighbourhoods(labels[:, None].float(), -1.0)[:, 0]
    result = []
    for instance in range(instances):
        own = distances.masked_fill(owner != instance, float("inf")).unflatten(1, (side, side))
        minima = []
        for window in stored_order(WINDOWS):
            inner = slice(reach - window // RATE, reach + window // RATE + 1)
            minima.append(own[:, inner, inner].amin((1, 2)))
        result.append(torch.stack(minima, 1))
    return torch.stack(result, 1).unflatten(3, size)


def seconds(way: Callable[[], object], repeats: int, clock: str) -> float:
    """Median time of a call, after one that is not counted."""
    now = CLOCKS[clock]
    way()
    times = []
    for _ in range(repeats):
        begin = now()
        way()
        times.append(now() - begin)
    return statistics.median(times)


def inputs(options: argparse.Namespace) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Two embeddings `[1, C, h, w]` and labels `[1, h, w]` of boxes side by side."""
    generator = torch.Generator().manual_seed(0)
    size = tuple((side + 14) // 16 * 4 + 1 for side in options.size)
    query, other = (torch.randn(1, CHANNELS, *size, generator=generator) * 0.3 for _ in range(2))
    labels = torch.zeros(1, *size, dtype=torch.long)
    width = size[1] // (options.objects + 1)
    for row in range(1, options.objects + 1):
        left = (row - 1) * width + width // 2
        labels[:, size[0] // 4 : size[0] // 2, left : left + width // 2] = row
    return query, other, labels


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = common_parser(__doc__, frames=1, network=None)
    parser.add_argument("--objects", type=positive, default=3)
    parser.add_argument("--repeats", type=positive, default=3)
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="cpu")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    query, other, labels = inputs(options)
    instances = options.objects + 1
    reference = ReferenceSet()
    reference.add(other, labels, instances)
    tokens, keys = (x.flatten(2).transpose(1, 2)[:, None].contiguous() for x in (query, other))
    ways: dict[str, Callable[[], torch.Tensor]] = {
        "memory read": lambda: F.scaled_dot_product_attention(tokens, keys, keys),
        "global matching": lambda: reference.nearest(query),
        "local matching, unfolded": lambda: unfolded(query, other, labels, instances),
        "local matching": lambda: local_nearest(query, other, labels, instances, WINDOWS, RATE),
    }
    with torch.no_grad():
        time = {name: seconds(way, options.repeats, options.clock) for name, way in ways.items()}
        one, two = ways["local matching"](), ways["local matching, unfolded"]()
        gap = float((torch.sigmoid(one) - torch.sigmoid(two)).abs().max())
    table = Table(title=f"{query.shape[2]}x{query.shape[3]} pixels, {machine()}")
    for column in ("", "seconds", "ratio", "wanted"):
        table.add_column(column, justify="left" if not column else "right")
    table.add_row("memory read", f"{time['memory read']:.3f}", "", "")
    ratio = time["global matching"] / time["memory read"]
    wanted = f"at most {WANTED_GLOBAL}"
    table.add_row("global matching", f"{time['global matching']:.3f}", f"{ratio:.2f}", wanted)
    table.add_row("local, unfolded", f"{time['local matching, unfolded']:.3f}", "", "")
    gain = time["local matching, unfolded"] / time["local matching"]
    wanted = f"at least {WANTED_LOCAL} times quicker"
    table.add_row("local matching", f"{time['local matching']:.3f}", f"{gain:.1f}", wanted)
    console = Console(width=110)
    console.print(table)
    verdict = "equal" if gap <= TOLERANCE else "DIFFERENT"
    console.print(f"local matching, both ways: {verdict}, largest difference {gap:.1e}")


if __name__ == "__main__":
    main()
