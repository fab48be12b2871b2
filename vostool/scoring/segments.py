"""Runs of frames in which an object is away, and after which it is back (MOSEv2)."""

from __future__ import annotations

import numpy as np


def segment_means(scores: np.ndarray, absent: np.ndarray) -> tuple[float, float]:
    """Mean score over disappearance segments, and over reappearance segments.

    A disappearance segment is a longest run of frames without the object, except one at the very
    beginning; a reappearance segment is a longest run with the object that follows one without it.
    Means are over segments, whatever their lengths.

    Args:
        scores: float64 `[T]` in the frames that count.
        absent: bool `[T]`, whether the true mask is empty.

    Returns:
        NaN where there is no such segment.
    """
    if not len(scores):
        return float("nan"), float("nan")
    starts = np.flatnonzero(np.diff(absent)) + 1
    runs = np.split(scores, starts)[1:]
    means = np.array([run.mean() for run in runs])
    away = absent[starts]
    return _mean(means[away]), _mean(means[~away])


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
