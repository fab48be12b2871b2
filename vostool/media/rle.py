"""Run-length codes of masks as COCO and BURST write them: runs down the columns, zeros first."""

from __future__ import annotations

from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from vostool.core.types import EncodedMask
from vostool.media.images import MAX_PIXELS

CONTINUED, SIGN, FIRST = 32, 16, 48
BITS = 5
MOST_CHARACTERS = 1 << 26
"""Longest code that is unpacked."""


def encode_runs(mask: np.ndarray) -> EncodedMask:
    """The code of a bool mask `[H, W]`."""
    code = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return EncodedMask((mask.shape[0], mask.shape[1]), bytes(code["counts"]))


def decode_runs(code: EncodedMask) -> np.ndarray:
    """A mask, bool `[H, W]`. Nothing is allocated before the runs are known to fill it exactly.

    pycocotools decodes too, but it does not look whether the runs fit, and its results come through
    an interface that NumPy 2 deprecates.

    Raises:
        ValueError: malformed, or of another size than it says.
    """
    runs = _checked(code.size, unpack_counts(code.counts))
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(code.size[1], code.size[0]).T


def decode_coco(code: dict[str, Any]) -> np.ndarray:
    """COCO's `{"size", "counts"}`, whose counts may be a plain list, as bool `[H, W]`.

    Raises:
        KeyError, TypeError, ValueError: malformed, or of another size than it says.
    """
    height, width = code["size"]
    counts = code["counts"]
    if isinstance(counts, list):
        runs = _checked((int(height), int(width)), np.array(counts, np.int64))
        values = np.arange(len(runs)) % 2 == 1
        return np.repeat(values, runs).reshape(int(width), int(height)).T
    data = counts.encode("ascii") if isinstance(counts, str) else counts
    return decode_runs(EncodedMask((int(height), int(width)), data))


def encoded_area(code: EncodedMask) -> int:
    """Pixels of the object.

    Raises:
        ValueError: as `decode_runs`.
    """
    return int(_checked(code.size, unpack_counts(code.counts))[1::2].sum())


def unpack_counts(text: bytes) -> np.ndarray:
    """Run lengths from COCO's text form, int64.

    A number is written five bits per character (code minus 48), lowest first, with bit 5 set in
    all characters but the last and bit 4 of the last as the sign; from the fourth number on it is
    the difference to the last but one.

    Raises:
        ValueError: characters that mean nothing, or a code that breaks off.
    """
    data = np.frombuffer(text, np.uint8).astype(np.int64) - FIRST
    if not len(data):
        return np.zeros(0, np.int64)
    if len(data) > MOST_CHARACTERS or data.min() < 0 or data.max() >= 2 * CONTINUED:
        raise ValueError("characters that are no run lengths")
    last = (data & CONTINUED) == 0
    if not last[-1]:
        raise ValueError("the run lengths break off")
    ends = np.flatnonzero(last)
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    if lengths.max() > 12:
        raise ValueError("a run length beyond any image")
    place = np.arange(len(data)) - np.repeat(starts, lengths)
    numbers = np.add.reduceat((data & (CONTINUED - 1)) << (BITS * place), starts)
    numbers -= np.where(data[ends] & SIGN, np.int64(1) << (BITS * lengths), 0)
    # From the fourth number on, differences: sums over every second number undo them.
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    return numbers


def _checked(size: tuple[int, int], runs: np.ndarray) -> np.ndarray:
    height, width = size
    if height < 1 or width < 1 or height * width > MAX_PIXELS:
        raise ValueError(f"{height} x {width} is not the size of an image")
    if len(runs) and (runs.min() < 0 or runs.max() > height * width):
        raise ValueError("a run that is longer than the image or negative")
    if int(runs.sum()) != height * width:
        raise ValueError(
            f"its runs cover {int(runs.sum())} pixels, but {height} x {width} has {height * width}"
        )
    return runs
