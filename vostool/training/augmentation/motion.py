"""Random motion of a clip's frames: a path through affine parameters, and thin-plate bends."""

from __future__ import annotations

import numpy as np
from pydantic import Field, model_validator

from vostool.core.options import Options
from vostool.training.augmentation.warps import (
    TPS_GRID,
    Warp,
    about,
    affine,
    corner_jitter,
    shifting,
    thin_plate_displacement,
)

PARAMETERS = 5 + 8
"""Of a frame: rotation, scale, shear, shift x, shift y, then 4 x 2 corner offsets."""


class Motion(Options):
    """How far each frame is warped away from the image that the clip is made of."""

    rotation: float = Field(default=20.0, ge=0, le=180, description="degrees, both ways")
    scale: tuple[float, float] = Field(default=(0.9, 1.1), description="factors")
    shear: float = Field(default=10.0, ge=0, lt=80, description="degrees, both ways")
    shift: float = Field(
        default=0.05, ge=0, le=1, description="part of the crop's sides, both ways"
    )
    perspective: float = Field(
        default=0.0,
        ge=0,
        lt=0.5,
        description="offset of the crop's corners, part of the sides, both ways",
    )
    thin_plate: float = Field(
        default=0.33, ge=0, le=1, description="probability that a frame is bent"
    )
    bend: float = Field(
        default=0.03,
        ge=0,
        lt=0.2,
        description="standard deviation of bends, part of the crop's sides",
    )

    @model_validator(mode="after")
    def _ordered(self) -> Motion:
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError("scale must be two positive factors, the smaller one first")
        return self


def draw_path(
    rng: np.random.Generator, frames: int, parameters: int, *, continued: bool
) -> np.ndarray:
    """Draw parameters in [-1, 1] for each frame, `[T, parameters]`.

    Continued: all frames lie on one line between two random points, at uneven speed, so that
    every frame goes on in the direction of the one before. Otherwise frames are independent.
    """
    if not continued:
        return rng.uniform(-1, 1, (frames, parameters))
    ends = rng.uniform(-1, 1, (2, parameters))
    steps = np.concatenate([[0.0], np.cumsum(rng.uniform(0.5, 1.5, frames - 1))])
    progress = steps[:, None] / max(steps[-1], 1.0)
    return ends[0] + progress * (ends[1] - ends[0])


def motion_matrix(motion: Motion, parameters: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Matrix `[3, 3]` in a crop of `size` (H, W), about its centre, for `PARAMETERS` values."""
    height, width = size
    rotation, scale, shear, x, y = parameters[:5]
    low, high = motion.scale
    factor = low + (high - low) * (scale + 1) / 2
    matrix = affine(rotation * motion.rotation, factor, shear * motion.shear)
    centred = about(matrix, (width - 1) / 2, (height - 1) / 2)
    moved = shifting(x * motion.shift * width, y * motion.shift * height) @ centred
    if motion.perspective:
        moved = corner_jitter(parameters[5:].reshape(4, 2) * motion.perspective, size) @ moved
    return moved


def draw_warps(
    rng: np.random.Generator,
    motion: Motion,
    base: np.ndarray,
    size: tuple[int, int],
    frames: int,
    *,
    continued: bool = False,
) -> list[Warp]:
    """Draw one warp per frame.

    Args:
        base: `[3, 3]` from source to the crop, shared by all frames.
        size: crop (H, W).
    """
    path = draw_path(rng, frames, PARAMETERS, continued=continued)
    warps = []
    for parameters in path:
        bend = None
        if rng.random() < motion.thin_plate:
            shifts = rng.normal(0, motion.bend, (TPS_GRID**2, 2)).clip(-0.2, 0.2)
            bend = thin_plate_displacement(shifts, size)
        warps.append(Warp(motion_matrix(motion, parameters, size) @ base, size, bend))
    return warps
