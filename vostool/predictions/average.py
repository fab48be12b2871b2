"""Mean of probability volumes, and the labels it gives; used by the engine and by `ensemble`.

Volumes are probabilities *after* aggregation over objects, background included: averaging before
it, or averaging logits, would be a geometric mean of odds that one saturated member decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np
import torch

Volume = TypeVar("Volume", np.ndarray, torch.Tensor)


class RunningMean(Generic[Volume]):
    """Weighted mean of equally shaped float volumes, without holding more than their sum."""

    def __init__(self) -> None:
        self._sum: Volume | None = None
        self._weight = 0.0

    def add(self, volume: Volume, weight: float = 1.0) -> None:
        """Add one member; the volume itself is not modified."""
        scaled = volume * weight
        if self._sum is None:
            self._sum = scaled
        elif self._sum.shape != scaled.shape:
            raise ValueError(f"cannot average {tuple(scaled.shape)} with {tuple(self._sum.shape)}")
        else:
            self._sum += scaled
        self._weight += weight

    def mean(self) -> Volume:
        """The mean of what was added. Raises ValueError if nothing (of weight) was."""
        if self._sum is None or self._weight <= 0:
            raise ValueError("the mean of nothing")
        return self._sum / self._weight


def count_votes(
    masks: Sequence[np.ndarray], labels: int, weights: Sequence[float] | None = None
) -> np.ndarray:
    """Sum of the weights (default 1 each) of the masks that name each label.

    Args:
        masks: uint8 rows `[H, W]`, values below `labels`.

    Returns:
        float64 `[labels, H, W]`.
    """
    votes = np.zeros((labels, *masks[0].shape))
    for mask, weight in zip(masks, weights or [1.0] * len(masks), strict=True):
        for label in range(labels):
            votes[label] += weight * (mask == label)
    return votes


def best_label(scores: np.ndarray, *tie_breakers: np.ndarray) -> np.ndarray:
    """Label of the highest score, per pixel; ties go to the next volume, finally to the lowest.

    Args:
        scores, tie_breakers: `[labels, H, W]`, any real dtype; compared exactly.

    Returns:
        uint8 `[H, W]`.
    """
    best = scores == scores.max(axis=0)
    labels = best.argmax(axis=0).astype(np.uint8)
    tied = best.sum(axis=0) > 1
    candidates = best[:, tied]
    for volume in tie_breakers:
        kept = np.where(candidates, volume[:, tied].astype(np.float64), -np.inf)
        candidates &= kept == kept.max(axis=0, initial=-np.inf)
    labels[tied] = candidates.argmax(axis=0)
    return labels
