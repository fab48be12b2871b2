"""Combining members' predictions of one frame; pure functions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vostool.predictions.average import best_label, count_votes


def combine_probabilities(
    planes: Sequence[np.ndarray], masks: Sequence[np.ndarray], weights: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean of probabilities and the labels it gives.

    Args:
        planes: uint8 `[K+1, H, W]` per member.
        masks: uint8 rows `[H, W]` per member: bytes are coarser than what the members' own labels
            were taken from, so equal means are decided by the members' votes.
        weights: at least 0, not all 0.

    Returns:
        uint8 rows `[H, W]` and uint8 mean planes `[K+1, H, W]`. One member gives itself.
    """
    scores = _weighted_sum(planes, weights)
    mean = scores / sum(weights)
    labels = best_label(scores, count_votes(masks, len(scores), weights))
    return labels, np.rint(mean).astype(np.uint8)


def combine_votes(
    masks: Sequence[np.ndarray],
    weights: Sequence[float],
    labels: int,
    planes: Sequence[np.ndarray] | None = None,
) -> np.ndarray:
    """Label that most members name, per pixel.

    Ties go to the higher weighted mean probability where `planes` (uint8 `[labels, H, W]` per
    member) are given, otherwise to the label that the earliest member names.

    Returns:
        uint8 rows `[H, W]`.
    """
    votes = count_votes(masks, labels, weights)
    breakers = []
    if planes is not None:
        breakers.append(_weighted_sum(planes, weights))
    breakers += [count_votes([mask], labels) for mask in masks]
    return best_label(votes, *breakers)


def _weighted_sum(planes: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """float64 `[K+1, H, W]`; exact for equal weights of 1, so that ties are true ties."""
    total = np.zeros(planes[0].shape)
    for volume, weight in zip(planes, weights, strict=True):
        total += volume * np.float64(weight)
    return total
