"""Objects cut out of other images, moved over a clip so that they occlude what is there."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from pydantic import Field

from vostool.training.augment import draw_path
from vostool.training.config import Options
from vostool.training.warps import Warp, affine, flipping, shifting


class PasteOptions(Options):
    """Objects of other stills that move over a synthetic clip."""

    probability: float = Field(default=0.5, ge=0, le=1, description="of a clip with pasted objects")
    count: tuple[int, int] = Field(default=(1, 3), description="least and most pasted objects")
    size: tuple[float, float] = Field(
        default=(0.12, 0.4),
        description="square root of the pasted area, part of the crop's short side",
    )
    shift: float = Field(
        default=0.06, ge=0, le=1, description="largest move per frame, part of the crop's sides"
    )
    rotation: float = Field(
        default=10.0, ge=0, le=90, description="largest turn per frame, degrees"
    )
    near: float = Field(
        default=0.5, ge=0, le=1, description="probability of starting near an object of the still"
    )
    labelled: float = Field(
        default=0.5, ge=0, le=1, description="probability that a pasted object is one to segment"
    )


@dataclass(frozen=True)
class Cutout:
    """One object cut out of an image: pixels uint8 `[h, w, 3]` and mask uint8 0/255 `[h, w]`."""

    pixels: np.ndarray
    alpha: np.ndarray


@dataclass(frozen=True)
class Layer:
    """A cutout with its warp in each frame and the row that it is labelled with (0: none)."""

    cutout: Cutout
    warps: tuple[Warp, ...]
    row: int

    def paint_labels(self, labels: np.ndarray, frame: int) -> None:
        """Write the row over `labels` `[H, W]` where the object covers it."""
        labels[self._alpha(frame) >= 128] = self.row

    def paint(self, image: np.ndarray, labels: np.ndarray, frame: int) -> np.ndarray:
        """Blend over uint8 `[H, W, 3]`, returned; write the row into `labels` in place."""
        alpha = self._alpha(frame)
        labels[alpha >= 128] = self.row
        pixels = self.warps[frame].image(self.cutout.pixels)
        soft = cv2.GaussianBlur(alpha, (3, 3), 0)
        return blend(pixels, image, soft)

    def _alpha(self, frame: int) -> np.ndarray:
        return self.warps[frame].image(self.cutout.alpha, (0,))


def blend(front: np.ndarray, back: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """`front` over `back` (uint8 `[H, W, 3]`) with uint8 opacity `[H, W]`."""
    weight = cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB)
    over = cv2.multiply(front, weight, scale=1 / 255)
    return cv2.add(over, cv2.multiply(back, 255 - weight, scale=1 / 255))


def cut_out(
    rng: np.random.Generator, image: np.ndarray, mask: np.ndarray, min_area: int = 100
) -> Cutout | None:
    """Cut a random object of at least `min_area` pixels out of an image; None if it has none."""
    ids = [value for value in np.unique(mask[mask > 0]) if (mask == value).sum() >= min_area]
    if not ids:
        return None
    chosen = mask == rng.choice(ids)
    rows, columns = np.flatnonzero(chosen.any(1)), np.flatnonzero(chosen.any(0))
    window = (
        slice(max(rows[0] - 2, 0), rows[-1] + 3),
        slice(max(columns[0] - 2, 0), columns[-1] + 3),
    )
    return Cutout(image[window], chosen[window].astype(np.uint8) * 255)


def draw_layer(
    rng: np.random.Generator,
    cutout: Cutout,
    row: int,
    options: PasteOptions,
    size: tuple[int, int],
    frames: int,
    near: tuple[float, float] | None,
) -> Layer:
    """Draw where a cutout moves in a crop of `size` (H, W).

    Args:
        near: a point (x, y) of an object to start at, or None.
    """
    crop = np.array(size[::-1], float)
    side = rng.uniform(*options.size) * min(size)
    scale = side / max(np.sqrt((cutout.alpha > 0).sum()), 1.0)
    start = rng.uniform(0, 1, 2) * crop
    if near is not None and rng.random() < options.near:
        start = np.array(near) + rng.uniform(-1, 1, 2) * side
    path = draw_path(rng, frames, 3, continued=True)
    # The path spans at most 2 over the whole clip; per frame that is `shift` and `rotation`.
    path = (path - path[0]) * (frames - 1) / 2
    height, width = cutout.alpha.shape
    centre = shifting(-(width - 1) / 2, -(height - 1) / 2)
    if rng.random() < 0.5:
        centre = centre @ flipping(width)
    angle = rng.uniform(-1, 1) * options.rotation
    warps = []
    for turn, *move in path:
        x, y = start + np.array(move) * options.shift * crop
        turned = affine(angle + turn * options.rotation, scale, 0)
        warps.append(Warp(shifting(x, y) @ turned @ centre, size))
    return Layer(cutout, tuple(warps), row)
