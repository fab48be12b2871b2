"""Region similarity J: intersection over union of predicted and true masks."""

from __future__ import annotations

import numpy as np


def similarity_of_areas(
    predicted: np.ndarray, truth: np.ndarray, both: np.ndarray, added: float = 0.0
) -> np.ndarray:
    """J from areas in pixels, float64 of any shape; 1 where both masks are empty.

    Args:
        added: pixels added to intersection and union (MOSEv2: 1, so that the prediction of a small
            area in place of nothing costs little).
    """
    either = predicted + truth - both
    ones = np.ones(np.shape(either))
    return np.divide(both + added, either + added, out=ones, where=either > 0)
