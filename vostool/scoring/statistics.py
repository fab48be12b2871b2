"""Mean, recall and decay of an object's scores over the frames of its video (DAVIS)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RECALL_THRESHOLD = 0.5
BINS = 4
OFFICIAL_BIN_LIMIT = 256
"""The official code keeps positions of frames in eight bits."""


@dataclass(frozen=True)
class Statistics:
    """What DAVIS reports of a sequence of scores.

    Attributes:
        mean: mean over frames.
        recall: part of the frames above 0.5.
        decay: mean of the first quarter less mean of the last, as the official code computes it.
        decay_corrected: the same without the overflow; differs only above 256 scored frames.
    """

    mean: float
    recall: float
    decay: float
    decay_corrected: float

    @classmethod
    def of(cls, scores: np.ndarray) -> Statistics:
        """Statistics of float64 `[T]`; all NaN where T is 0."""
        if not len(scores):
            return cls(*[float("nan")] * 4)
        limits = bin_limits(len(scores))
        return cls(
            mean=float(np.mean(scores)),
            recall=float(np.mean(scores > RECALL_THRESHOLD)),
            decay=_decay(scores, limits % OFFICIAL_BIN_LIMIT),
            decay_corrected=_decay(scores, limits),
        )

    @classmethod
    def average(cls, items: list[Statistics]) -> Statistics:
        """Mean over objects; NaN in one makes the mean NaN, as officially."""
        if not items:
            return cls(*[float("nan")] * 4)
        rows = np.array([(s.mean, s.recall, s.decay, s.decay_corrected) for s in items])
        return cls(*rows.mean(axis=0).tolist())


def bin_limits(count: int) -> np.ndarray:
    """First and last positions of the four bins, int64 `[5]`; neighbouring bins share a frame."""
    # The small number makes halves round up; numpy rounds them to even.
    return np.round(np.linspace(1, count, BINS + 1) + 1e-10).astype(np.int64) - 1


def overflows(count: int) -> bool:
    """Whether the official decay of this many scored frames is not what it should be."""
    return count > OFFICIAL_BIN_LIMIT


def _decay(scores: np.ndarray, limits: np.ndarray) -> float:
    first = scores[limits[0] : limits[1] + 1]
    last = scores[limits[-2] : limits[-1] + 1]
    if not len(first) or not len(last):
        return float("nan")
    return float(np.mean(first) - np.mean(last))
