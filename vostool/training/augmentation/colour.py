"""Colour jitter as one 3 x 4 matrix per image, so that clip and frame jitter cost one pass."""

from __future__ import annotations

import cv2
import numpy as np
from pydantic import Field

from vostool.core.options import Options

LUMA = np.array([0.299, 0.587, 0.114])
_TO_YIQ = np.array([LUMA, [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_TO_RGB = np.linalg.inv(_TO_YIQ)


class ColourJitter(Options):
    """How much colours vary; each factor is drawn from [1 - value, 1 + value]."""

    brightness: float = Field(default=0.1, ge=0, le=1, description="of the factor on all values")
    contrast: float = Field(
        default=0.05, ge=0, le=1, description="of the factor on differences from the mean grey"
    )
    saturation: float = Field(
        default=0.05, ge=0, le=1, description="of the factor on differences from grey"
    )
    hue: float = Field(
        default=0.0, ge=0, le=0.5, description="turns of the colour circle, both ways"
    )
    grey: float = Field(default=0.0, ge=0, le=1, description="probability of a grey image")


def draw_jitter(rng: np.random.Generator, jitter: ColourJitter, mean: float) -> np.ndarray:
    """Draw a colour matrix `[3, 4]` for RGB in 0..255; contrast is about the grey level `mean`."""
    brightness, contrast, saturation = (
        1 + value * rng.uniform(-1, 1)
        for value in (jitter.brightness, jitter.contrast, jitter.saturation)
    )
    angle = 2 * np.pi * jitter.hue * rng.uniform(-1, 1)
    if rng.random() < jitter.grey:
        saturation = 0.0
    turn = np.array(
        [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
    )
    chroma = np.diag([1, saturation, saturation])
    linear = brightness * contrast * (_TO_RGB @ chroma @ turn @ _TO_YIQ)
    offset = brightness * (1 - contrast) * mean
    return np.c_[linear, np.full(3, offset)]


def compose(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The colour matrix that applies `first`, then `second`."""
    return np.c_[second[:, :3] @ first[:, :3], second[:, :3] @ first[:, 3] + second[:, 3]]


def recolour(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Apply a colour matrix to uint8 `[H, W, 3]`, rounding and clipping to 0..255."""
    return cv2.transform(image, matrix)


def grey_level(image: np.ndarray) -> float:
    """Mean luma of uint8 RGB `[H, W, 3]`, 0..255."""
    return float(np.dot(LUMA, cv2.mean(image)[:3]))
