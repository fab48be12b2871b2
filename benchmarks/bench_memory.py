"""Whether memory stays flat over a long video.

A small STM (random weights) goes through a video of 1,000 frames at 480p with `--max-memory 20`.
Frames are made when they are asked for, so that the process holds only what propagation holds. What
counts is the peak of the resident set: once memory is full (frame 100) it must not grow any more.

Example: `python benchmarks/bench_memory.py --threads 2`
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from _measure import (
    at_least_two,
    common_parser,
    machine,
    positive,
    random_network,
    synthetic_image,
    synthetic_mask,
)
from rich.console import Console
from rich.table import Table

from vostool.core.types import ObjectIds
from vostool.inference.engine import Member, run_video
from vostool.inference.prepare import prepare
from vostool.inference.propagation_options import PropagationOptions
from vostool.inference.source import SourceFrame
from vostool.inference.strategy import parse_strategies

ALLOWED_GROWTH = 1.02
"""Of the peak, from the first to the last point of the table."""
SMALL = {"key_channels": 32, "value_channels": 64, "decoder_channels": 32}


@dataclass(frozen=True)
class LongVideo:
    """A video whose frames exist only while they are looked at; satisfies `FrameSource`."""

    size: tuple[int, int]
    frames: int
    objects: int
    name: str = "long"

    @property
    def ids(self) -> ObjectIds:
        """Ids of all objects."""
        return ObjectIds.of(range(1, self.objects + 1))

    def __len__(self) -> int:
        return self.frames

    def __iter__(self) -> Iterator[SourceFrame]:
        for index in range(self.frames):
            given = None if index else synthetic_mask(self.size, self.objects)
            yield SourceFrame(f"{index:05d}", synthetic_image(self.size, index), given)


def peak_memory() -> float:
    """Largest resident set of this process so far, MiB."""
    units = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / units


def present_memory() -> float | None:
    """Resident set now, MiB, where the system tells."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError):
        return None
    return pages * resource.getpagesize() / 2**20


def points(frames: int, step: int) -> list[int]:
    """Frames after which memory is looked at: every `step`-th and the last."""
    return sorted({*range(step, frames + 1, step), frames})


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = common_parser(__doc__, frames=1000)
    parser.set_defaults(network="mobilenetv2_100")
    parser.add_argument("--max-memory", type=at_least_two, default=20)
    parser.add_argument("--step", type=positive, default=150, help="frames between two points")
    parser.add_argument("--objects", type=positive, default=1)
    parser.add_argument("--full-width", action="store_true", help="channels as in the paper")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    network = random_network(options.network, **({} if options.full_width else SMALL))
    member = Member(
        prepare(network, torch.device("cpu")),  # type: ignore[arg-type]
        parse_strategies(("every:5",)),
    )
    video = LongVideo(options.size, options.frames, options.objects)
    height, width = options.size
    table = Table(
        title=f"STM {options.network}, {height}x{width}, {options.objects} object(s), "
        f"--max-memory {options.max_memory}\n{machine()}"
    )
    for column in ("frames", "peak MiB", "now MiB", "peak to first", "CPU s per frame"):
        table.add_column(column, justify="right")
    peaks: list[float] = []
    wanted = points(options.frames, options.step)
    begin = time.process_time()
    settings = PropagationOptions(max_memory=options.max_memory, short_side=None)
    for done, _ in enumerate(run_video(video, [member], settings), start=1):
        if done in wanted:
            peaks.append(peak_memory())
            now = present_memory()
            seconds = (time.process_time() - begin) / done
            table.add_row(
                str(done),
                f"{peaks[-1]:.0f}",
                "" if now is None else f"{now:.0f}",
                f"{peaks[-1] / peaks[0]:.3f}",
                f"{seconds:.2f}",
            )
    console = Console(width=110)
    console.print(table)
    verdict = "flat" if peaks[-1] <= ALLOWED_GROWTH * peaks[0] else "GROWS"
    console.print(f"peak memory after the first {wanted[0]} frames: {verdict}")


if __name__ == "__main__":
    main()
