"""Boundary F: harmonic mean of how much of each contour lies near the other one.

The official definition (DAVIS; Martin et al., PAMI 2004) marks a pixel as boundary if its 2 x 2
block to the right and below is not uniform, dilates either boundary map with a disk, and counts the
boundary pixels of one map inside the dilated other. That a pixel lies inside the dilated map means
that some boundary pixel of the other map is at an offset that the disk holds. Here this is looked
up directly: boundary pixels become sorted numbers (object, frame, row, column), and a binary search
per row of the disk finds whether one lies in the row's reach. The cost goes with the length of the
contours, not with the size of the image or of the disk, and the result is exactly the same.

Axes: T frames, N objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from vostool.scoring.disk import Disk
from vostool.scoring.mask_pair import MaskPair


class Boundaries:
    """Boundary pixels of several objects in several frames of one size, ready to be compared.

    What does not depend on the disk is found once, so that several disks cost little more than one.

    Args:
        columns: per object, the pairs of T frames of one size that show it, and its id in them.
        reach: no disk that `scores` is asked for reaches further than so many pixels.

    Raises:
        ValueError: the frames differ in size, or there is no frame.
    """

    def __init__(self, columns: Sequence[tuple[Sequence[MaskPair], int]], reach: int):
        height, width = columns[0][0][0].size
        if any(pair.size != (height, width) for pairs, _ in columns for pair in pairs):
            raise ValueError("frames of differing sizes must be scored apart")
        self.reach = reach
        self._grid = _Grid(height, width, reach, len(columns[0][0]), len(columns))
        self._predicted, self._truth = _Contours(self._grid), _Contours(self._grid)
        known: _Blocks | None = None
        for row, (pairs, value) in enumerate(columns):
            if known is None or known.pairs is not pairs:
                known = _Blocks.of(pairs, self._grid)
            self._add(row, known, value)

    def _add(self, row: int, blocks: _Blocks, value: int) -> None:
        keys = blocks.keys
        on_predicted = _is_boundary(blocks.predicted, value)
        on_truth = _is_boundary(blocks.truth, value)
        these, those = _pick(keys, on_predicted), _pick(keys, on_truth)
        self._predicted.add(row, these, keys, on_predicted & ~on_truth, on_truth, those)
        self._truth.add(row, those, keys, on_truth & ~on_predicted, on_predicted, these)

    def scores(self, disk: Disk, chosen: np.ndarray | None = None) -> np.ndarray:
        """F with one disk, float64 `[T, N]`.

        Args:
            chosen: bool `[T, N]`, which objects in which frames to compare; others score NaN.
        """
        grid = self._grid
        cells = None if chosen is None else np.ascontiguousarray(chosen.T).reshape(-1)
        near_predicted = self._predicted.near(self._truth, disk, cells)
        near_truth = self._truth.near(self._predicted, disk, cells)
        scores = _f_measure(near_predicted, self._predicted.count, near_truth, self._truth.count)
        if cells is not None:
            scores[~cells] = np.nan
        return scores.reshape(-1, grid.frames).T


@dataclass(frozen=True)
class _Blocks:
    """All places of some frames where any boundary may be.

    Attributes:
        pairs: the frames.
        keys: `[M]`, ascending.
        predicted, truth: uint8 `[4, M]`, ids in the 2 x 2 block at each place.
    """

    pairs: Sequence[MaskPair]
    keys: np.ndarray
    predicted: np.ndarray
    truth: np.ndarray

    @classmethod
    def of(cls, pairs: Sequence[MaskPair], grid: _Grid) -> _Blocks:
        keys = [grid.keys(frame, pair.position) for frame, pair in enumerate(pairs)]
        return cls(
            pairs,
            np.concatenate(keys),
            np.concatenate([pair.predicted for pair in pairs], axis=1),
            np.concatenate([pair.truth for pair in pairs], axis=1),
        )


class _Grid:
    """Numbers for boundary pixels: object, frame, row, column, with a margin of the disk's reach.

    The margin keeps a search that leaves the image from meeting the next row, frame or object.
    """

    def __init__(self, height: int, width: int, reach: int, frames: int, objects: int):
        self.width, self.reach, self.frames = width, reach, frames
        self.row = width + 2 * reach
        self.cell = (height + 2 * reach) * self.row
        self.cells = frames * objects
        largest = np.iinfo(np.int32).max
        self.dtype = np.int32 if (self.cells + 1) * self.cell < largest else np.int64

    def keys(self, frame: int, position: np.ndarray) -> np.ndarray:
        """Numbers of pixels (ascending flat indices) of the first object in a frame."""
        y = position // self.width
        start = frame * self.cell + self.reach * self.row + self.reach
        return (position + y * (2 * self.reach) + start).astype(self.dtype)

    def count(self, keys: np.ndarray) -> np.ndarray:
        """How many of these sorted pixels each object and frame has, int64 `[cells]`."""
        limits = np.arange(self.cells + 1, dtype=np.int64) * self.cell
        return np.diff(np.searchsorted(keys, limits.astype(self.dtype)))


@dataclass(frozen=True)
class _Alone:
    """Boundary pixels of one side that are none of the other's, and their neighbours in the row.

    Attributes:
        keys: ascending.
        left, right: pixels to the nearest of the other side's in reading order before and after;
            more than the reach where that one is in another row.
    """

    keys: np.ndarray
    left: np.ndarray
    right: np.ndarray

    def far_in_row(self, disk: Disk) -> np.ndarray:
        """Those that have no partner in the disk's middle row."""
        low, high = disk.middle
        return _pick(self.keys, (self.left > -low) & (self.right > high))


class _Contours:
    """Boundary pixels of all objects and frames on one side, prediction or truth."""

    def __init__(self, grid: _Grid):
        self._grid = grid
        self._keys: list[np.ndarray] = []
        self._alone: list[_Alone] = []

    def add(
        self,
        row: int,
        pixels: np.ndarray,
        keys: np.ndarray,
        alone: np.ndarray,
        there: np.ndarray,
        others: np.ndarray,
    ) -> None:
        """Add an object's pixels.

        Counting along `keys` tells each pixel's neighbours in `others` without a search; that
        settles most pixels of a good prediction.

        Args:
            pixels: the object's boundary on this side.
            keys: where any boundary may be.
            alone: bool over `keys`, the boundary on this side and not on the other.
            there: bool over `keys`, the boundary on the other side.
            others: `keys[there]`.
        """
        grid = self._grid
        offset = grid.dtype(row * grid.frames * grid.cell)
        rows = np.flatnonzero(alone)
        single = np.take(keys, rows)
        before = np.take(np.cumsum(there, dtype=np.int32), rows)
        ends = np.array([-grid.reach - 1, np.iinfo(grid.dtype).max], grid.dtype)
        fenced = np.concatenate((ends[:1], others, ends[1:]))
        left, right = single - np.take(fenced, before), np.take(fenced, before + 1) - single
        self._keys.append(pixels + offset)
        self._alone.append(_Alone(single + offset, left, right))

    @cached_property
    def keys(self) -> np.ndarray:
        """All pixels, ascending."""
        return np.concatenate(self._keys)

    @cached_property
    def count(self) -> np.ndarray:
        """Pixels of each object and frame, int64 `[cells]`."""
        return self._grid.count(self.keys)

    def near(self, other: _Contours, disk: Disk, cells: np.ndarray | None) -> np.ndarray:
        """Pixels of each object and frame that have one of the other side's within the disk."""
        if disk.has_centre:
            far = np.concatenate([alone.far_in_row(disk) for alone in self._alone])
            rows = disk.rows_by_distance[1:]
        else:
            far, rows = self.keys, disk.rows_by_distance
        if cells is not None:
            far = _pick(far, np.take(cells, far // self._grid.cell))
        others = np.append(other.keys, np.iinfo(self._grid.dtype).max)
        return self.count - self._grid.count(_unmatched(far, others, rows, self._grid))


def _pick(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """`values[chosen]` for a bool array, in a third of the time."""
    return np.take(values, np.flatnonzero(chosen))


def _is_boundary(block: np.ndarray, value: int) -> np.ndarray:
    """Where a 2 x 2 block `[4, M]` is partly, not wholly, of this id; bool `[M]`."""
    first, second, third, fourth = block == np.uint8(value)
    return (first != second) | (first != third) | (first != fourth)


def _unmatched(
    keys: np.ndarray, others: np.ndarray, rows: Sequence[tuple[int, int, int]], grid: _Grid
) -> np.ndarray:
    """Those of `keys` that have none of `others` in these rows of the disk around them.

    Both are sorted, and `others` ends in a number larger than any key. Each row of the disk is a
    run of columns, hence a run of numbers.
    """
    for offset, low, high in rows:
        if not len(keys):
            break
        first = keys + grid.dtype(offset * grid.row + low)
        nearest = np.take(others, np.searchsorted(others, first))
        keys = _pick(keys, nearest > first + grid.dtype(high - low))
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
