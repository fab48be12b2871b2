"""Some frames of a video, compared: what measures take from them is computed once.

Axes: T frames, N objects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from vostool.scoring.boundary import Boundaries
from vostool.scoring.disk import Disk, tolerance_pixels, whole_disk
from vostool.scoring.jaccard import similarity_of_areas
from vostool.scoring.layered import LayeredPair
from vostool.scoring.mask_pair import MaskPair

Nearness = Callable[[tuple[int, int], np.ndarray], list[tuple[Disk, np.ndarray]]]
"""(frame size, true areas float64 `[T, N]`) -> disks, each with bool `[T, N]` where it applies."""


@dataclass(frozen=True)
class Areas:
    """Pixels of each object in each frame.

    Attributes:
        predicted, truth, both: float64 `[T, N]`, whole numbers.
    """

    predicted: np.ndarray
    truth: np.ndarray
    both: np.ndarray


class ComparedFrames:
    """Predicted and true masks of T frames of one video.

    Args:
        pairs: compared id masks, or, in all frames, compared masks of objects that may overlap; the
            size may change between frames.
        ids: of the N objects to score, matched by id.
    """

    def __init__(self, pairs: Sequence[MaskPair | LayeredPair], ids: Sequence[int]):
        self._pairs, self.ids = pairs, tuple(ids)
        self._boundaries: dict[tuple[int, int], Boundaries] = {}

    def __len__(self) -> int:
        return len(self._pairs)

    @cached_property
    def areas(self) -> Areas:
        """Pixels of each object in the prediction, in the truth, and in both."""
        ids = np.asarray(self.ids, np.int64)
        rows = np.zeros((len(self._pairs), 3, len(ids)))
        for position, pair in enumerate(self._pairs):
            rows[position] = pair.areas(ids)
        return Areas(rows[:, 0], rows[:, 1], rows[:, 2])

    @cached_property
    def overlaps(self) -> np.ndarray:
        """Pixels that each true object shares with each predicted one, float64 `[T, N, N]`."""
        ids = np.asarray(self.ids, np.int64)
        found = np.zeros((len(self._pairs), len(ids), len(ids)))
        for position, pair in enumerate(self._pairs):
            found[position] = pair.overlaps(ids)
        return found

    @cached_property
    def j(self) -> np.ndarray:
        """Region similarity, float64 `[T, N]`; 1 where both masks are empty."""
        areas = self.areas
        return similarity_of_areas(areas.predicted, areas.truth, areas.both)

    @cached_property
    def f(self) -> np.ndarray:
        """Boundary F with DAVIS's tolerance, float64 `[T, N]`."""
        return self.boundary_f(davis_nearness)

    def boundary_f(self, nearness: Nearness) -> np.ndarray:
        """Boundary F, float64 `[T, N]`, with disks that depend on frame and object.

        Objects and frames to which no disk applies score NaN.
        """
        scores = np.full((len(self._pairs), len(self.ids)), np.nan)
        if not self.ids:
            return scores
        for size in dict.fromkeys(pair.size for pair in self._pairs):
            rows = [row for row, pair in enumerate(self._pairs) if pair.size == size]
            disks = nearness(size, self.areas.truth[rows])
            boundaries = self._boundaries_of(size, rows, max(disk.reach for disk, _ in disks))
            part = np.full((len(rows), len(self.ids)), np.nan)
            for disk, where in disks:
                found = boundaries.scores(disk, None if where.all() else where)
                part[where] = found[where]
            scores[rows] = part
        return scores

    def _boundaries_of(self, size: tuple[int, int], rows: list[int], reach: int) -> Boundaries:
        """Those of all frames of one size, found once unless a disk reaches further."""
        known = self._boundaries.get(size)
        if known is None or known.reach < reach:
            reach = max(reach, tolerance_pixels(*size))
            known = Boundaries(self._columns(rows), reach)
            self._boundaries[size] = known
        return known

    def _columns(self, rows: list[int]) -> list[tuple[list[MaskPair], int]]:
        """Per object, the pairs that show it, and its id in them."""
        chosen = [self._pairs[row] for row in rows]
        flat = [pair for pair in chosen if isinstance(pair, MaskPair)]
        if len(flat) == len(chosen):
            return [(flat, number) for number in self.ids]
        layered = [pair for pair in chosen if isinstance(pair, LayeredPair)]
        return [([pair.pairs[k] for pair in layered], 1) for k in range(len(self.ids))]


def davis_nearness(size: tuple[int, int], areas: np.ndarray) -> list[tuple[Disk, np.ndarray]]:
    """DAVIS's disk for all objects, whatever their areas `[T, N]`."""
    return [(whole_disk(tolerance_pixels(*size)), np.ones(areas.shape, bool))]
