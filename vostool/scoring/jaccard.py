"""Region similarity J: intersection over union of a predicted and a true mask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vostool.scoring.mask_pair import MaskPair


def region_similarity(predicted: np.ndarray, truth: np.ndarray) -> float:
    """J of one object in one frame; 1 where both masks are empty.

    Args:
        predicted, truth: bool `[H, W]` (any type; non-zero is the object).
    """
    pair = MaskPair.of((predicted != 0).astype(np.uint8), (truth != 0).astype(np.uint8))
    return float(region_similarities(pair, (1,))[0])


def region_similarities(pair: MaskPair, ids: Sequence[int]) -> np.ndarray:
    """J of several objects of one frame, float64 `[N]`."""
    in_predicted, in_truth, both = pair.areas(np.asarray(ids, np.int64))
    either = in_predicted + in_truth - both
    return np.divide(both, either, out=np.ones(len(ids)), where=either > 0)
