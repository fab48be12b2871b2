"""Region similarity J: intersection over union of a predicted and a true mask."""

from __future__ import annotations

import numpy as np


def region_similarity(predicted: np.ndarray, truth: np.ndarray) -> float:
    """J of one object in one frame; 1 where both masks are empty.

    Args:
        predicted, truth: bool `[H, W]` (any type; non-zero is the object).
    """
    first, second = predicted != 0, truth != 0
    either = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / either if either else 1.0


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
