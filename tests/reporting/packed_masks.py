"""Unpacks the masks of a report's page, as its script does."""

from __future__ import annotations

import base64
import zlib

import numpy as np


def unpacked(layer: dict, size: tuple[int, int]) -> list[np.ndarray | None]:
    """Masks uint8 of (height, width) `size`, one per shown frame; None where there is none."""
    numbers = np.frombuffer(zlib.decompress(base64.b64decode(layer["runs"])), "<u4").tolist()
    found: list[np.ndarray | None] = []
    for count in layer["counts"]:
        labels = [run & 255 for run in numbers[:count] for _ in range(run >> 8)]
        numbers = numbers[count:]
        found.append(np.array(labels, np.uint8).reshape(size) if count else None)
    assert not numbers
    return found
