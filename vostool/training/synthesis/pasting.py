"""Objects cut out of other images, moved over a clip so that they occlude what is there."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from pydantic import Field

from vostool.core.options import Options
from vostool.training.augmentation.crop import moved_box
from vostool.training.augmentation.motion import draw_path
from vostool.training.augmentation.warps import Warp, affine, flipping, shifting, shrink


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
    crossing: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="probability that it comes from beside an object of the still and lies over it "
        "in a later frame",
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
class Placement:
    """Where a cutout is in a frame: a warp into a window whose top left corner is (x, y)."""

    warp: Warp
    x: int
    y: int

    def window(self, image: np.ndarray) -> np.ndarray:
        """The window's part of an image `[H, W, ...]`, a view."""
        height, width = self.warp.size
        return image[self.y : self.y + height, self.x : self.x + width]


@dataclass(frozen=True)
class Layer:
    """A cutout with its place in each frame and the row that it is labelled with (0: none).

    A place is None where the cutout is out of the picture.
    """

    cutout: Cutout
    places: tuple[Placement | None, ...]
    row: int

    def paint_labels(self, labels: np.ndarray, frame: int) -> None:
        """Write the row into `labels` `[H, W]` in place where the object covers it."""
        place = self.places[frame]
        if place is not None:
            place.window(labels)[self._alpha(place) >= 128] = self.row

    def paint(self, image: np.ndarray, labels: np.ndarray, frame: int) -> None:
        """Blend over uint8 `[H, W, 3]` and write the row into `labels`, both in place."""
        place = self.places[frame]
        if place is None:
            return
        alpha = self._alpha(place)
        place.window(labels)[alpha >= 128] = self.row
        pixels = place.warp.image(self.cutout.pixels)
        window = place.window(image)
        window[:] = blend(pixels, window, cv2.GaussianBlur(alpha, (3, 3), 0))

    def _alpha(self, place: Placement) -> np.ndarray:
        return place.warp.image(self.cutout.alpha, (0,))


def place_cutout(cutout: Cutout, matrix: np.ndarray, size: tuple[int, int]) -> Placement | None:
    """The place of a cutout that `matrix` `[3, 3]` moves into a picture of (H, W)."""
    height, width = cutout.alpha.shape
    x0, y0, x1, y1 = moved_box((0, 0, width, height), matrix)
    # One pixel more on every side, for the blurred edge.
    left, top = max(int(np.floor(x0)) - 1, 0), max(int(np.floor(y0)) - 1, 0)
    right, bottom = min(int(np.ceil(x1)) + 1, size[1]), min(int(np.ceil(y1)) + 1, size[0])
    if right <= left or bottom <= top:
        return None
    window = Warp(shifting(-left, -top) @ matrix, (bottom - top, right - left))
    return Placement(window, left, top)


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


@dataclass(frozen=True)
class Target:
    """What a pasted object comes to lie over.

    Attributes:
        frame: when, from 1.
        point: where (x, y) in the crop.
        reach: half the diagonal of the box of what is there, in pixels.
    """

    frame: int
    point: tuple[float, float]
    reach: float


def draw_layer(
    rng: np.random.Generator,
    cutout: Cutout,
    row: int,
    options: PasteOptions,
    size: tuple[int, int],
    frames: int,
    near: tuple[float, float] | None,
    target: Target | None = None,
) -> Layer:
    """Draw where a cutout moves in a crop of `size` (H, W).

    Args:
        near: a point (x, y) of an object to start at, or None.
        target: what it crosses; `near` and `options.shift` are then not used.
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
    cutout, resized = _shrunk(cutout, scale)
    height, width = cutout.alpha.shape
    centre = shifting(-(width - 1) / 2, -(height - 1) / 2)
    if rng.random() < 0.5:
        centre = centre @ flipping(width)
    angle = rng.uniform(-1, 1) * options.rotation
    centres = start + path[:, 1:] * options.shift * crop
    if target is not None:
        centres = _across(rng, target, side, frames)
    places = []
    for turn, (x, y) in zip(path[:, 0], centres, strict=True):
        turned = affine(angle + turn * options.rotation, scale / resized, 0)
        places.append(place_cutout(cutout, shifting(x, y) @ turned @ centre, size))
    return Layer(cutout, tuple(places), row)


def _across(rng: np.random.Generator, target: Target, side: float, frames: int) -> np.ndarray:
    """Centres `[T, 2]` on a line that begins clear of what is crossed."""
    angle = rng.uniform(0, 2 * np.pi)
    approach = (target.reach + side) * np.array([np.cos(angle), np.sin(angle)])
    steps = np.arange(frames)[:, None] / target.frame - 1
    return np.array(target.point) + steps * approach


def _shrunk(cutout: Cutout, scale: float) -> tuple[Cutout, float]:
    """The cutout averaged down if it will be much smaller, and by what factor."""
    pixels, matrix = shrink(cutout.pixels, scale)
    alpha, _ = shrink(cutout.alpha, scale)
    return Cutout(pixels, alpha), float(np.sqrt(matrix[0, 0] * matrix[1, 1]))
