"""Probabilities as bytes: 0..255 stand for 0..1, rounded to nearest."""

from __future__ import annotations

import numpy as np
import torch

LEVELS = 255
STEP = 1 / LEVELS
"""One quantisation step, as a probability."""


def to_uint8(probabilities: np.ndarray | torch.Tensor) -> np.ndarray:
    """Round probabilities (any shape, values outside [0, 1] are clipped) to uint8.

    Rounding is monotone, so a label that is most probable before is among the most probable after.
    """
    if isinstance(probabilities, torch.Tensor):
        scaled = (probabilities.detach().float() * LEVELS).round().clamp(0, LEVELS)
        return scaled.to(torch.uint8).cpu().numpy()
    return np.clip(np.rint(probabilities * LEVELS), 0, LEVELS).astype(np.uint8)


def from_uint8(planes: np.ndarray) -> np.ndarray:
    """float32 in [0, 1], within half a step of what was rounded."""
    return planes.astype(np.float32) / LEVELS
