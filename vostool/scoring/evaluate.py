"""J and F of sequences of id masks, in memory; which frames of which object count.

Axes: T frames, N objects, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from vostool.core.types import Video
from vostool.datasets.spec import ScoringRule
from vostool.scoring.boundary import TOLERANCE, boundary_scores
from vostool.scoring.jaccard import region_similarities
from vostool.scoring.mask_pair import MaskPair, Workspace
from vostool.scoring.statistics import Statistics

BATCH = 16
"""Frames whose boundaries are matched together."""


@dataclass(frozen=True)
class SequenceScores:
    """Scores of one video.

    Attributes:
        ids: ids of the N objects.
        j: region similarity, float64 `[T, N]`.
        f: boundary F, float64 `[T, N]`.
        counted: bool `[T, N]`, whether a frame counts for an object.
    """

    ids: tuple[int, ...]
    j: np.ndarray
    f: np.ndarray
    counted: np.ndarray

    def statistics(self, row: int) -> tuple[Statistics, Statistics]:
        """J and F statistics of the object in this column, over its counted frames."""
        chosen = self.counted[:, row]
        return Statistics.of(self.j[chosen, row]), Statistics.of(self.f[chosen, row])

    @property
    def mean_j(self) -> float:
        """Mean over objects that have counted frames; NaN where none has."""
        return self._mean(self.j)

    @property
    def mean_f(self) -> float:
        """Mean over objects that have counted frames; NaN where none has."""
        return self._mean(self.f)

    @property
    def j_and_f(self) -> float:
        """Mean of `mean_j` and `mean_f`."""
        return (self.mean_j + self.mean_f) / 2

    def _mean(self, scores: np.ndarray) -> float:
        means = [
            scores[chosen, row].mean() for row, chosen in enumerate(self.counted.T) if chosen.any()
        ]
        return float(np.mean(means)) if means else float("nan")


def score_frames(
    predictions: Sequence[np.ndarray],
    truths: Sequence[np.ndarray],
    ids: Sequence[int],
    *,
    tolerance: float = TOLERANCE,
    workspace: Workspace | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """J and F of every object in every frame, float64 `[T, N]` each.

    Args:
        predictions, truths: uint8 `[H, W]` id masks; the size may change between frames.
        ids: objects to score, matched by id.

    Raises:
        ValueError: a frame's two masks differ in size or are not uint8 `[H, W]`.
    """
    workspace = workspace or Workspace()
    pairs = [MaskPair.of(p, t, workspace) for p, t in zip(predictions, truths, strict=True)]
    return score_pairs(pairs, ids, tolerance=tolerance)


def score_pairs(
    pairs: Sequence[MaskPair], ids: Sequence[int], *, tolerance: float = TOLERANCE
) -> tuple[np.ndarray, np.ndarray]:
    """As `score_frames`, from pairs that are compared already."""
    j = np.ones((len(pairs), len(ids)))
    f = np.ones((len(pairs), len(ids)))
    for position, pair in enumerate(pairs):
        j[position] = region_similarities(pair, ids)
    for size in {pair.size for pair in pairs}:
        rows = [row for row, pair in enumerate(pairs) if pair.size == size]
        f[rows] = boundary_scores([pairs[row] for row in rows], ids, tolerance)
    return j, f


def score_sequence(
    predictions: Iterable[np.ndarray],
    truths: Iterable[np.ndarray],
    ids: Sequence[int],
    *,
    skip_first: bool = True,
    skip_last: bool = True,
    first_frames: Sequence[int] | None = None,
) -> SequenceScores:
    """Score a video in memory; masks are taken one by one and not kept.

    Args:
        predictions, truths: uint8 `[H, W]` id masks of the same T frames.
        ids: objects to score.
        skip_first: leave out the frame in which an object is given.
        skip_last: leave out the last frame (DAVIS).
        first_frames: per object, position of the frame in which it is given; 0 by default. Earlier
            frames never count.

    Raises:
        ValueError: one of the two has more frames, or masks do not fit together.
    """
    workspace, batch, parts = Workspace(), [], []
    for predicted, truth in zip_longest(predictions, truths):
        if predicted is None or truth is None:
            raise ValueError("predictions and truths differ in their number of frames")
        batch.append(MaskPair.of(predicted, truth, workspace))
        if len(batch) == BATCH:
            parts.append(score_pairs(batch, ids))
            batch = []
    parts.append(score_pairs(batch, ids))
    j, f = (np.concatenate(kind) for kind in zip(*parts))
    starts = np.asarray(first_frames if first_frames is not None else [0] * len(ids), np.int64)
    times = np.arange(len(j))[:, None]
    counted = times > starts if skip_first else times >= starts
    if skip_last:
        counted &= times < len(j) - 1
    return SequenceScores(tuple(ids), j, f, counted)


def counted_frames(video: Video, rule: ScoringRule) -> dict[str, frozenset[int]]:
    """Ids that count in each annotated frame of a video, frames in time order.

    An object counts from the frame in which it is given (or the next) on, in the frames that the
    data set lists for it, or in all annotated ones where it lists none.
    """
    listed = {item.id: frozenset(item.frames) for item in video.objects}
    start = {item.id: video.index(item.first_frame) + rule.skip_first for item in video.objects}
    stop = len(video.frames) - rule.skip_last
    return {
        frame.name: frozenset(
            number
            for number, frames in listed.items()
            if start[number] <= time < stop and (not frames or frame.name in frames)
        )
        for time, frame in enumerate(video.frames)
        if frame.annotation is not None
    }
