"""What a prediction folder holds of a frame, as the planes that merging methods take."""

from __future__ import annotations

import numpy as np
import torch

from vostool.predictions.quantise import STEP, from_uint8

LABEL_BONUS = STEP / 64
"""Added to a pixel's own label: bytes are coarser than what the label was taken from, so that two
planes may be equal in them. Too little to change any other order of bytes."""


def one_hot(labels: np.ndarray, count: int) -> torch.Tensor:
    """Rows uint8 `[H, W]` -> float32 `[count, H, W]` of 0 and 1."""
    planes = torch.zeros((count, *labels.shape))
    return planes.scatter_(0, _index(labels), 1.0)


def soft_planes(stored: np.ndarray, labels: np.ndarray) -> torch.Tensor:
    """Stored probabilities as float32 planes, equal bytes decided by the mask.

    Args:
        stored: uint8 `[K+1, H, W]`.
        labels: uint8 rows `[H, W]` of the mask that was written with them.

    Returns:
        float32 `[K+1, H, W]`, within half a step of what was stored.
    """
    planes = torch.from_numpy(from_uint8(stored))
    bonus = torch.full((1, *labels.shape), LABEL_BONUS)
    return planes.scatter_add_(0, _index(labels), bonus)


def with_labels(planes: torch.Tensor, labels: np.ndarray) -> torch.Tensor:
    """Planes `[K+1, H, W]`, one-hot where their label is not the mask's, for methods that vote.

    A mask may have been changed after its probabilities were written.
    """
    other = planes.max(dim=0).indices != torch.from_numpy(labels.astype(np.int64))
    return torch.where(other, one_hot(labels, len(planes)), planes) if other.any() else planes


def _index(labels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(labels.astype(np.int64))[None]
