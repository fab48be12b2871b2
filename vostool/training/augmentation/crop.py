"""Crop windows that keep the objects in view (METHODS: FAMNet's foreground crop)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 with exclusive ends, in pixels."""


def union_box(masks: Iterable[np.ndarray]) -> Box | None:
    """Smallest box around all non-zero pixels of masks `[H, W]`, or None if there are none."""
    boxes = [box for box in map(_box, masks) if box is not None]
    if not boxes:
        return None
    low, high = np.min(boxes, axis=0), np.max(boxes, axis=0)
    return float(low[0]), float(low[1]), float(high[2]), float(high[3])


def _box(mask: np.ndarray) -> Box | None:
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return None
    columns = np.flatnonzero(mask.any(axis=0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def moved_box(box: Box, matrix: np.ndarray) -> Box:
    """The axis-parallel box around a box whose corners an affine matrix `[3, 3]` moves."""
    x0, y0, x1, y1 = box
    # Corners are pixel edges, half a pixel outside the outermost centres.
    corners = np.array([[x0, x1, x0, x1], [y0, y0, y1, y1]]) - 0.5
    moved = matrix[:2, :2] @ corners + matrix[:2, 2:] + 0.5
    (left, top), (right, bottom) = moved.min(axis=1), moved.max(axis=1)
    return float(left), float(top), float(right), float(bottom)


def draw_start(
    rng: np.random.Generator, box: tuple[float, float], length: int, extent: int
) -> float:
    """Draw where a window starts along one axis.

    A box that fits is inside the window, a larger one covers it; the window stays inside the
    image, or the image inside the window if that is larger.

    Args:
        box: start and end of the foreground.
        length: window length.
        extent: image length.
    """
    begin, end = box
    if extent <= length:
        return rng.uniform(extent - length, 0)
    if end - begin <= length:
        low, high = max(0.0, end - length), min(begin, extent - length)
    else:
        low, high = begin, end - length
    low, high = (min(max(value, 0.0), extent - length) for value in (low, high))
    return rng.uniform(low, max(low, high))


def draw_window(
    rng: np.random.Generator, box: Box, window: tuple[int, int], image: tuple[int, int]
) -> tuple[float, float]:
    """Draw the top left corner (x, y) of a window (H, W) in an image (H, W) around a box."""
    x = draw_start(rng, (box[0], box[2]), window[1], image[1])
    y = draw_start(rng, (box[1], box[3]), window[0], image[0])
    return x, y
