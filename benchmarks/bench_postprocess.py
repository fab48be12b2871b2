"""How many frames a second keep-near-last filters, on one core, beside the wanted 60.

Three objects at 480x854 that move, without and with scattered specks.

Example: `python benchmarks/bench_postprocess.py`
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import cv2
import numpy as np
from _measure import common_parser, machine, positive
from rich.console import Console
from rich.table import Table

from vostool.core.types import ObjectIds
from vostool.postprocess.chain import parse_steps
from vostool.postprocess.sequence import FrameEdit, MaskSequence

WANTED = 60
SPECKS = (0, 3, 1000)
"""Specks of 2 x 2 pixels per frame, of any object."""


def moving_masks(size: tuple[int, int], frames: int, objects: int, specks: int) -> list[np.ndarray]:
    """uint8 `[H, W]` per frame: boxes that move a few pixels, and specks."""
    rng = np.random.default_rng(0)
    masks = []
    for index in range(frames):
        mask = np.zeros(size, np.uint8)
        high, wide = size[0] // 5, size[1] // 7
        for row in range(1, objects + 1):
            top = min(size[0] // 6 * row % size[0] + index % 20, size[0] - high)
            left = min(size[1] // 5 * row % size[1] + index % 20, size[1] - wide)
            mask[top : top + high, left : left + wide] = row
        for _ in range(specks):
            y, x = rng.integers(0, size[0] - 2), rng.integers(0, size[1] - 2)
            mask[y : y + 2, x : x + 2] = rng.integers(1, objects + 1)
        masks.append(mask)
    return masks


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = common_parser(__doc__, frames=30, network=None)
    parser.add_argument("--objects", type=positive, default=3)
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    (step,) = parse_steps(["keep-near-last"])
    height, width = options.size
    table = Table(title=f"keep-near-last, {height}x{width}, {options.objects} objects, {machine()}")
    for column in ("specks per frame", "frames per second", "wanted"):
        table.add_column(column, justify="right")
    ids = ObjectIds.of(range(1, options.objects + 1))
    for specks in SPECKS:
        masks = moving_masks(options.size, options.frames, options.objects, specks)
        given = (frozenset(ids), *[frozenset[int]()] * (len(masks) - 1))
        sequence = MaskSequence(tuple(map(FrameEdit, masks)), ids, given)
        begin = time.process_time()
        step(sequence)
        rate = len(masks) / (time.process_time() - begin)
        table.add_row(str(specks), f"{rate:.0f}", str(WANTED))
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
