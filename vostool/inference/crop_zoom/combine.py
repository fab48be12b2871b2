"""Putting zoomed probabilities of some objects into preliminary ones of all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

EPSILON = 1e-6


def combine(
    preliminary: np.ndarray, rows: Sequence[int], zoomed: Sequence[np.ndarray]
) -> np.ndarray:
    """Replace the probabilities of some objects; the others share what is left.

    A zoomed object takes its probability P'; where several are zoomed, each takes its part of what
    the more reliable ones before it left. All other objects and the background are scaled by
    (1 - sum P') / (1 - sum P), and mass that nobody has goes to the background.

    Args:
        preliminary: float `[K+1, H, W]`, sum 1 (up to quantisation).
        rows: of the zoomed objects (1..K), the most reliable first.
        zoomed: their probabilities float `[H, W]`.

    Returns:
        float32 `[K+1, H, W]`, at least 0, sum 1.
    """
    total = preliminary.sum(axis=0, keepdims=True)
    result = (preliminary / np.maximum(total, EPSILON)).astype(np.float32)
    before = result[list(rows)].sum(axis=0)
    taken = np.zeros(preliminary.shape[1:], np.float32)
    placed = []
    for plane in zoomed:
        part = np.clip(plane, 0, 1).astype(np.float32) * (1 - taken)
        placed.append(part)
        taken = taken + part
    result *= (1 - taken) / (1 - before + EPSILON)
    for row, part in zip(rows, placed, strict=True):
        result[row] = part
    result[0] += 1 - result.sum(axis=0)
    return result.clip(min=0)


def combined_labels(
    combined: np.ndarray,
    preliminary: np.ndarray,
    labels: np.ndarray,
    rows: Sequence[int],
) -> np.ndarray:
    """Most probable rows, the preliminary ones where no zoomed object was or is.

    Args:
        combined, preliminary: float `[K+1, H, W]`.
        labels: uint8 `[H, W]`, rows that the preliminary pass gave.
        rows: of the zoomed objects.

    Returns:
        uint8 `[H, W]`.
    """
    chosen = list(rows)
    touched = (combined[chosen] > 0).any(axis=0) | (preliminary[chosen] > 0).any(axis=0)
    touched |= np.isin(labels, chosen)
    return np.where(touched, combined.argmax(axis=0).astype(np.uint8), labels)
