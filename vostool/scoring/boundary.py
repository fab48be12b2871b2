"""Boundary F: harmonic mean of how much of each contour lies near the other one.

The official definition (DAVIS; Martin et al., PAMI 2004) marks a pixel as boundary if its 2 x 2
block to the right and below is not uniform, dilates either boundary map with a disk, and counts the
boundary pixels of one map inside the dilated other. That a pixel lies inside the dilated map means
that some boundary pixel of the other map is within the disk's radius. Here this is looked up
directly: boundary pixels become sorted numbers (frame, object, row, column), and a binary search
per row of the disk finds whether one lies in the row's reach. The cost goes with the length of the
contours, not with the size of the image or of the disk, and the result is exactly the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from vostool.scoring.mask_pair import MaskPair

TOLERANCE = 0.008
"""Official tolerance as a part of the image diagonal."""


def tolerance_pixels(height: int, width: int, tolerance: float = TOLERANCE) -> int:
    """Radius of the disk: a part of the diagonal, rounded up; from 1 on, `tolerance` is in pixels.

    The official disk of a fractional radius is that of the radius rounded down.
    """
    if tolerance >= 1:
        return int(tolerance)
    return int(np.ceil(tolerance * np.linalg.norm((height, width))))


def boundary_map(mask: np.ndarray) -> np.ndarray:
    """Boundary pixels of a mask, bool `[H, W]`: the 2 x 2 block right and below is not uniform.

    At the lower and right border the block is clamped to the image; so an object that is cut by the
    border has no boundary along it, and a mask that fills the image has none at all.
    """
    mask = np.asarray(mask) != 0
    clamped = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    right, below, diagonal = clamped[:-1, 1:], clamped[1:, :-1], clamped[1:, 1:]
    return (mask != right) | (mask != below) | (mask != diagonal)


def boundary_f(predicted: np.ndarray, truth: np.ndarray, tolerance: float = TOLERANCE) -> float:
    """F of one object in one frame.

    1 where neither mask has a boundary, 0 where only one of them has.

    Args:
        predicted, truth: bool `[H, W]` (any type; non-zero is the object).
        tolerance: part of the image diagonal, or pixels from 1 on.
    """
    pair = MaskPair.of((predicted != 0).astype(np.uint8), (truth != 0).astype(np.uint8))
    return float(boundary_scores([pair], (1,), tolerance)[0, 0])


def boundary_scores(
    pairs: Sequence[MaskPair], ids: Sequence[int], tolerance: float = TOLERANCE
) -> np.ndarray:
    """F of several objects in several frames of one size, float64 `[T, N]`.

    Raises:
        ValueError: the frames differ in size.
    """
    if not pairs or not ids:
        return np.zeros((len(pairs), len(ids)))
    height, width = pairs[0].size
    if any(pair.size != (height, width) for pair in pairs):
        raise ValueError("frames of differing sizes must be scored apart")
    grid = _Grid(height, width, tolerance_pixels(height, width, tolerance), len(pairs), len(ids))
    predicted, truth = _Boundaries(grid), _Boundaries(grid)
    keys = np.concatenate([grid.keys(frame, pair.position) for frame, pair in enumerate(pairs)])
    in_predicted = np.concatenate([pair.predicted for pair in pairs], axis=1)
    in_truth = np.concatenate([pair.truth for pair in pairs], axis=1)
    for row, value in enumerate(ids):
        on_predicted = _is_boundary(in_predicted, value)
        on_truth = _is_boundary(in_truth, value)
        these, those = _pick(keys, on_predicted), _pick(keys, on_truth)
        predicted.add(row, these, _far_in_row(keys, on_predicted, on_truth, those, grid))
        truth.add(row, those, _far_in_row(keys, on_truth, on_predicted, these, grid))
    scores = _f_measure(*predicted.near(truth), *truth.near(predicted))
    return scores.reshape(len(ids), len(pairs)).T


class _Grid:
    """Numbers for boundary pixels: object, frame, row, column, with a margin of the disk's radius.

    The margin keeps a search that leaves the image from meeting the next row, frame or object.
    """

    def __init__(self, height: int, width: int, radius: int, frames: int, objects: int):
        self.width, self.radius, self.frames = width, radius, frames
        self.row = width + 2 * radius
        self.cell = (height + 2 * radius) * self.row
        self.cells = frames * objects
        largest = np.iinfo(np.int32).max
        self.dtype = np.int32 if (self.cells + 1) * self.cell < largest else np.int64

    def keys(self, frame: int, position: np.ndarray) -> np.ndarray:
        """Numbers of pixels (ascending flat indices) of the first object in a frame."""
        y = position // self.width
        start = frame * self.cell + self.radius * self.row + self.radius
        return (position + y * (2 * self.radius) + start).astype(self.dtype)

    def count(self, keys: np.ndarray) -> np.ndarray:
        """How many of these sorted pixels each object and frame has, int64 `[cells]`."""
        limits = np.arange(self.cells + 1, dtype=np.int64) * self.cell
        return np.diff(np.searchsorted(keys, limits.astype(self.dtype)))


class _Boundaries:
    """Boundary pixels of all objects and frames on one side, prediction or truth."""

    def __init__(self, grid: _Grid):
        self._grid = grid
        self._all: list[np.ndarray] = []
        self._far: list[np.ndarray] = []

    def add(self, row: int, pixels: np.ndarray, far: np.ndarray) -> None:
        """Add an object's pixels, and those of them that have no partner in their own row."""
        offset = self._grid.dtype(row * self._grid.frames * self._grid.cell)
        self._all.append(pixels + offset)
        self._far.append(far + offset)

    def near(self, other: _Boundaries) -> tuple[np.ndarray, np.ndarray]:
        """Per object and frame, boundary pixels within the disk of one of the other's, and all."""
        everything = self._grid.count(np.concatenate(self._all))
        others = np.append(np.concatenate(other._all), np.iinfo(self._grid.dtype).max)
        far = _unmatched(np.concatenate(self._far), others, self._grid)
        return everything - self._grid.count(far), everything


def _far_in_row(
    keys: np.ndarray, here: np.ndarray, there: np.ndarray, others: np.ndarray, grid: _Grid
) -> np.ndarray:
    """Pixels of `here` with none of `there` in the disk's middle row; bool `[M]` over `keys`.

    `others` is `keys[there]`. Counting along `keys` tells each pixel's neighbours in `others`
    without a search; it settles most pixels of a good prediction.
    """
    alone = np.flatnonzero(here & ~there)
    pixels = np.take(keys, alone)
    before = np.take(np.cumsum(there, dtype=np.int32), alone)
    least, largest = -grid.radius - 1, np.iinfo(grid.dtype).max
    fenced = np.concatenate(
        (np.array([least], grid.dtype), others, np.array([largest], grid.dtype))
    )
    apart_left = pixels - np.take(fenced, before) > grid.radius
    apart_right = np.take(fenced, before + 1) - pixels > grid.radius
    return _pick(pixels, apart_left & apart_right)


def _pick(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """`values[chosen]` for a bool array, in a third of the time."""
    return np.take(values, np.flatnonzero(chosen))


def _is_boundary(block: np.ndarray, value: int) -> np.ndarray:
    """Where a 2 x 2 block `[4, M]` is partly, not wholly, of this id; bool `[M]`."""
    first, second, third, fourth = block == np.uint8(value)
    return (first != second) | (first != third) | (first != fourth)


def _unmatched(keys: np.ndarray, others: np.ndarray, grid: _Grid) -> np.ndarray:
    """Those of `keys` that have none of `others` within the disk around them, middle row excepted.

    Both are sorted, and `others` ends in a number larger than any key. Each row of the disk is a
    run of columns, hence a run of numbers.
    """
    for offset in sorted(range(-grid.radius, grid.radius + 1), key=abs)[1:]:
        if not len(keys):
            break
        reach = math.isqrt(grid.radius**2 - offset**2)
        first = keys + grid.dtype(offset * grid.row - reach)
        nearest = np.take(others, np.searchsorted(others, first))
        keys = _pick(keys, nearest > first + grid.dtype(2 * reach))
    return keys


def _f_measure(
    near_predicted: np.ndarray,
    count_predicted: np.ndarray,
    near_truth: np.ndarray,
    count_truth: np.ndarray,
) -> np.ndarray:
    """F from boundary pixels that are near the other boundary, and all of them."""
    empty = (count_predicted == 0) & (count_truth == 0)
    precision = near_predicted / np.maximum(count_predicted, 1)
    recall = near_truth / np.maximum(count_truth, 1)
    total = precision + recall
    scores = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)
    # Where only one mask has a boundary, nothing is near and the product is 0, as officially.
    return np.where(empty, 1.0, scores)
