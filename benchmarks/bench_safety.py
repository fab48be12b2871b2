"""What digests and durable writes cost: of a checkpoint, and of a video's predictions.

Each is written and read on the disk of --folder; times are processor time, and for the disk wall
time. The last column says from which time between two
of them on (between two checkpoints, between two videos) digests and disk take less than 2 %.

Example: `python benchmarks/bench_safety.py --folder .`
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from _measure import common_parser, machine, positive
from rich.console import Console
from rich.table import Table
from torch import nn

from vostool.core.output import Output
from vostool.core.types import ObjectIds
from vostool.predictions.file_digests import digest, video_files
from vostool.predictions.folder import PredictionFolder
from vostool.predictions.run import Planned, PredictionRun
from vostool.training.checkpoints._tensor_file import tensors_digest
from vostool.training.checkpoints.checkpoint import describe, read_checkpoint, save_checkpoint

SHARE = 0.02
IDS = ObjectIds((1, 2, 3))


@dataclass
class Row:
    """Seconds: all of it, digests, waiting for the disk."""

    what: str
    whole: float
    digests: float
    disk: float = 0.0

    def cells(self) -> list[str]:
        """For the table."""
        times = (self.whole, self.digests, self.disk)
        every = (self.digests + self.disk) / SHARE
        return [self.what, *(f"{1e3 * seconds:.1f}" for seconds in times), f"{every:.1f}"]


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """Of one call; processor time by default, which other programs disturb little."""
    start = clock()
    work()
    return clock() - start


@contextmanager
def disk_time() -> Iterator[list[float]]:
    """Collects how long the program waited for the disk inside the block, in seconds."""
    waits: list[float] = []
    sync = os.fsync

    def timed(handle: int) -> None:
        waits.append(seconds(lambda: sync(handle), time.perf_counter))

    os.fsync = timed
    try:
        yield waits
    finally:
        os.fsync = sync


def of_checkpoint(folder: Path, megabytes: int) -> list[Row]:
    """Writing and reading one of that size."""
    model = nn.Linear(1000, max(1, megabytes * 250), bias=False)
    info = describe({}, 0, {})
    weights = dict(model.state_dict())
    hashing = seconds(lambda: tensors_digest(weights))
    with disk_time() as waits:
        writing = seconds(lambda: save_checkpoint(folder / "a.ckpt", model, info))
    reading = seconds(lambda: read_checkpoint(folder / "a.ckpt"))
    return [
        Row(f"write a checkpoint of {megabytes} MB", writing + sum(waits), hashing, sum(waits)),
        Row(f"read a checkpoint of {megabytes} MB", reading, hashing),
    ]


def planes_and_mask(size: tuple[int, int], index: int) -> tuple[np.ndarray, np.ndarray]:
    """Three objects with soft edges, as networks predict them."""
    height, width = size
    raw = np.zeros((4, height, width), np.float32)
    raw[0] = 0.3
    for row in range(1, 4):
        centre = (width * row // 4 + index % 20, height // 2)
        cv2.circle(raw[row], centre, height // 6, 1.0, -1)
        raw[row] = cv2.GaussianBlur(raw[row], (0, 0), 2)
    planes = np.rint(255 * raw / raw.sum(axis=0)).astype(np.uint8)
    return planes, planes.argmax(axis=0).astype(np.uint8)


def of_video(folder: Path, size: tuple[int, int], frames: int) -> list[Row]:
    """Writing and reading masks and probabilities of one video."""
    names = tuple(f"{index:05d}" for index in range(frames))
    plan = {"v": Planned(names, IDS)}
    run = PredictionRun(Output(folder / "preds"), {}, {}, plan, inputs=[], probabilities=True)
    content = [planes_and_mask(size, index) for index in range(frames)]

    def write() -> None:
        for name, (planes, mask) in zip(names, content):
            run.writer.write_mask("v", name, mask)
            run.writer.write_probabilities("v", name, planes, IDS)

    writing = seconds(write)
    finishing = seconds(lambda: run.finish("v", 0.0), time.perf_counter)
    files = [path for paths in video_files(run.root, "v").values() for path in paths.values()]
    hashing = seconds(lambda: [digest(path) for path in files])
    reader = PredictionFolder(run.root)
    reading = seconds(lambda: [reader.probabilities("v", name) for name in names])
    compared = seconds(lambda: [_hash(path) for path in files if path.suffix == ".npz"])
    what = f"{frames} frames of {size[0]}x{size[1]}"
    # Writing hashes probabilities twice: into the file, and into the manifest.
    return [
        Row(f"write {what}", writing + finishing, hashing + compared, finishing - hashing),
        Row(f"read probabilities of {what}", reading, compared),
    ]


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = common_parser(__doc__, frames=70, network=None)
    parser.add_argument("--folder", type=Path, default=Path(), help="on the disk to measure")
    parser.add_argument("--megabytes", type=positive, default=150, help="size of the checkpoint")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    table = Table(title=f"digests and durable writes, ms, {machine()}")
    table.add_column("what")
    for column in ("whole", "digests", "disk", "2 % from a gap of s"):
        table.add_column(column, justify="right")
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        rows = of_checkpoint(Path(place), options.megabytes)
        rows += of_video(Path(place), options.size, options.frames)
    for row in rows:
        table.add_row(*row.cells())
    Console().print(table)


if __name__ == "__main__":
    main()
