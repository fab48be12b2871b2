"""Peak memory and time of many objects in large frames: objects in chunks, and the default size.

STM (random weights) segments a few frames, each way in a process of its own, so that each has a
peak of its own. Eight objects at once, at the frames' own size, is what vostool did before chunks.

Example: `python benchmarks/bench_large_frames.py --frames 2`
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Sequence

import torch
from _measure import common_parser, machine, positive, random_network, synthetic_video
from bench_memory import SMALL
from rich.console import Console
from rich.table import Table

from vostool.core.memory_use import peak_memory
from vostool.inference.engine import Member, run_video
from vostool.inference.prepare import prepare
from vostool.inference.propagation_options import PropagationOptions

WAYS: dict[str, tuple[str, int | None]] = {
    "8 at once, own size": ("full", 8),
    "auto, own size": ("full", None),
    "1 at once, own size": ("full", 1),
    "auto, auto (480)": ("auto", None),
}
"""Short side, and objects at once."""


def measure(options: argparse.Namespace, way: str) -> tuple[int, float]:
    """Peak of the resident set in bytes, and processor seconds per frame."""
    side, at_once = WAYS[way]
    torch.set_num_threads(options.threads)
    network = random_network(options.network, **({} if options.full_width else SMALL))
    ready = prepare(network, torch.device("cpu"))
    video = synthetic_video(options.size, options.frames + 1, options.objects)
    settings = PropagationOptions(short_side=side)
    member = Member(ready)  # type: ignore[arg-type]
    begin = time.process_time()
    for _ in run_video(video, [member], settings, objects_at_once=at_once):
        pass
    return peak_memory(), (time.process_time() - begin) / options.frames


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = common_parser(__doc__, frames=2, size="1080x1920")
    parser.set_defaults(network="mobilenetv2_100")
    parser.add_argument("--objects", type=positive, default=11)
    parser.add_argument("--full-width", action="store_true", help="channels as in the paper")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    options = parser.parse_args(arguments)
    height, width = options.size
    table = Table(
        title=f"STM {options.network}, {height}x{width}, {options.objects} objects\n{machine()}"
    )
    table.add_column("objects at once, short side")
    for column in ("peak MiB", "CPU s per frame"):
        table.add_column(column, justify="right")
    for way in options.ways:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            peak, seconds = pool.apply(measure, (options, way))
        table.add_row(way, f"{peak / 2**20:.0f}", f"{seconds:.2f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
