"""Masks, and parts of a frame that are boxes."""

from __future__ import annotations

import cv2
import numpy as np

CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
Box = tuple[slice, slice]
"""Rows and columns of a part of a frame."""


def bounding_box(mask: np.ndarray) -> Box:
    """Rows and columns of a mask that is not empty."""
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return slice(top, top + height), slice(left, left + width)


def grown(box: Box, margin: int, size: tuple[int, ...]) -> Box:
    """A box with a margin on all sides, as far as the frame goes."""
    rows, columns = (
        slice(max(0, part.start - margin), min(side, part.stop + margin))
        for part, side in zip(box, size, strict=True)
    )
    return rows, columns


def common(one: Box, other: Box) -> Box:
    """What two boxes share; empty slices where they are apart."""
    starts = [max(a.start, b.start) for a, b in zip(one, other, strict=True)]
    stops = [min(a.stop, b.stop) for a, b in zip(one, other, strict=True)]
    rows, columns = (
        slice(start, max(start, stop)) for start, stop in zip(starts, stops, strict=True)
    )
    return rows, columns


def within(part: Box, box: Box) -> Box:
    """A part of a box, seen from the box."""
    rows, columns = (
        slice(inner.start - outer.start, inner.stop - outer.start)
        for inner, outer in zip(part, box, strict=True)
    )
    return rows, columns


def edge(mask: np.ndarray) -> np.ndarray:
    """(row, column) int32 `[n, 2]` of pixels beside one that is not in the mask, or at the border.

    The least distance between masks that share no pixel is one between their edges.
    """
    if not mask.any():
        return np.zeros((0, 2), np.int32)
    whole = mask.view(np.uint8)
    inner = cv2.erode(whole, CROSS, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return cv2.findNonZero(cv2.subtract(whole, inner)).reshape(-1, 2)[:, ::-1]


def placed(part: np.ndarray, box: Box, size: tuple[int, ...]) -> np.ndarray:
    """A part of a mask in an otherwise empty one."""
    whole = np.zeros(size, bool)
    whole[box] = part
    return whole


def measured(mask: np.ndarray) -> tuple[int, np.ndarray, float]:
    """Area, centroid (x, y) and the box's diagonal of a mask that is not empty."""
    rows, columns = box = bounding_box(mask)
    inside = mask[box]
    per_column, per_row = inside.sum(0), inside.sum(1)
    area = int(per_row.sum())
    centroid = np.array(
        [
            per_column @ np.arange(columns.start, columns.stop) / area,
            per_row @ np.arange(rows.start, rows.stop) / area,
        ]
    )
    return area, centroid, float(np.hypot(*inside.shape))
