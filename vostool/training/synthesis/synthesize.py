"""Clips made from single images with masks: warps, colour changes, pasted occluders.

Pure functions on uint8 arrays and a random generator. The recipe follows the pre-training of STM
(Oh et al., ICCV 2019) as its public re-implementations describe it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field, model_validator

from vostool.core.options import Options
from vostool.training.augmentation import colour
from vostool.training.augmentation.colour import ColourJitter
from vostool.training.augmentation.crop import Box, draw_window, moved_box, union_box
from vostool.training.augmentation.motion import Motion, draw_warps
from vostool.training.augmentation.warps import Warp, flipping, resizing, shifting, shrink
from vostool.training.synthesis.pasting import Cutout, Layer, PasteOptions, Target, draw_layer

REFERENCE_AREA = 384 * 384
MAX_ATTEMPTS = 10


class SynthesisOptions(Options):
    """How a clip is made from a still image."""

    frames: int = Field(default=3, ge=2, description="frames of a clip")
    crop: tuple[int, int] = Field(default=(384, 384), description="height, width in pixels")
    scale: tuple[float, float] = Field(
        default=(0.8, 1.5), description="short side of the still, in short sides of the crop"
    )
    flip: float = Field(default=0.5, ge=0, le=1, description="probability of mirroring")
    colour: ColourJitter = Field(
        default=ColourJitter(brightness=0.1, contrast=0.05, saturation=0.05, hue=0.05, grey=0.05),
        description="drawn once for a clip",
    )
    frame_colour: ColourJitter = Field(
        default=ColourJitter(brightness=0.1, contrast=0.05, saturation=0.05),
        description="drawn for each frame",
    )
    motion: Motion = Motion()
    continued: float = Field(
        default=0.5, ge=0, le=1, description="probability that motion goes on in one direction"
    )
    window: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="probability that each frame has a crop of its own around the objects, or, "
        "where motion goes on in one direction, that the crop moves on a line",
    )
    paste: PasteOptions = PasteOptions()
    max_objects: int = Field(default=3, ge=1, le=254, description="objects of a clip")
    min_area: int = Field(
        default=2000, ge=1, description="pixels of an object before cropping, at a 384 x 384 crop"
    )
    previous: bool = Field(
        default=False, description="also give the labels of the clip's frame before each frame"
    )
    min_cropped_area: int = Field(
        default=350, ge=1, description="pixels that the first frame keeps, at a 384 x 384 crop"
    )

    @model_validator(mode="after")
    def _ordered(self) -> SynthesisOptions:
        if min(self.crop) < 16:
            raise ValueError("crop must be at least 16 x 16 pixels")
        for name, (low, high) in (("scale", self.scale), ("paste.size", self.paste.size)):
            if not 0 < low <= high:
                raise ValueError(f"{name} must be two positive numbers, the smaller one first")
        if not 0 <= self.paste.count[0] <= self.paste.count[1]:
            raise ValueError("paste.count must be two numbers, the smaller one first")
        return self

    def pixels(self, reference: int) -> float:
        """Scale an area given for a 384 x 384 crop to this crop."""
        return reference * self.crop[0] * self.crop[1] / REFERENCE_AREA


def draw_paste_count(rng: np.random.Generator, options: PasteOptions) -> int:
    """Draw how many objects to paste over a clip."""
    if rng.random() >= options.probability:
        return 0
    return int(rng.integers(options.count[0], options.count[1] + 1))


def synthesize_clip(
    image: np.ndarray,
    mask: np.ndarray,
    rng: np.random.Generator,
    options: SynthesisOptions,
    cutouts: Sequence[Cutout] = (),
) -> tuple[np.ndarray, np.ndarray]:
    """Make a clip from one still.

    Args:
        image: uint8 `[H', W', 3]` RGB.
        mask: uint8 `[H', W']` ids of any number of objects, 0 = background.
        rng: the only source of randomness.
        options: what to draw.
        cutouts: objects to paste, the first one undermost.

    Returns:
        images uint8 `[T, H, W, 3]` and labels uint8 `[T, H, W]` with rows 1..N, every one of
        them in frame 0 with at least `min_cropped_area`. Labels are all 0 if no object of the
        still is large enough, or none stayed in view in ten attempts.

    Raises:
        ValueError: image and mask differ in size.
    """
    if image.shape[:2] != mask.shape:
        raise ValueError(f"image {image.shape[:2]} and mask {mask.shape} differ in size")
    plan, kept = _draw_plan(mask, rng, options, cutouts)
    clip_colour = colour.draw_jitter(rng, options.colour, level := colour.grey_level(image))
    image = plan.shrunk(image)
    images, labels = [], []
    for frame in range(options.frames):
        picture, rows = plan.render(image, frame)
        own = colour.draw_jitter(rng, options.frame_colour, level)
        images.append(colour.recolour(picture, colour.compose(own, clip_colour)))
        labels.append(_renumber(rows, kept))
    return np.stack(images), np.stack(labels)


@dataclass(frozen=True)
class _Plan:
    """The geometry of a clip: `rows` is the still's mask with the chosen objects as 1..n."""

    rows: np.ndarray
    warps: list[Warp]
    layers: list[Layer]

    def labels(self, frame: int) -> np.ndarray:
        labels = self.warps[frame].labels(self.rows)
        for layer in self.layers:
            layer.paint_labels(labels, frame)
        return labels

    def render(self, image: np.ndarray, frame: int) -> tuple[np.ndarray, np.ndarray]:
        """Picture and labels of a frame; `image` may be smaller than the mask, as `shrunk`."""
        warp = self.warps[frame]
        picture = warp.resized(self.rows.shape, image.shape[:2]).image(image)
        labels = self.warps[frame].labels(self.rows)
        for layer in self.layers:
            layer.paint(picture, labels, frame)
        return picture, labels

    def shrunk(self, image: np.ndarray) -> np.ndarray:
        """The image averaged down once for all frames, if all of them are much smaller."""
        return shrink(image, max(warp.scale for warp in self.warps))[0]

    def visible(self, min_area: float) -> list[int]:
        """Rows with at least `min_area` pixels in frame 0."""
        areas = np.bincount(self.labels(0).ravel(), minlength=2)
        return [row for row in range(1, len(areas)) if areas[row] >= min_area]


def _draw_plan(
    mask: np.ndarray,
    rng: np.random.Generator,
    options: SynthesisOptions,
    cutouts: Sequence[Cutout],
) -> tuple[_Plan, list[int]]:
    """Draw geometry until frame 0 keeps an object; after that many attempts, without one."""
    for attempt in range(MAX_ATTEMPTS):
        # Pasted objects may be what hides everything, so the later half goes without.
        pasted = cutouts if attempt < MAX_ATTEMPTS // 2 else ()
        plan = _draw_geometry(mask, rng, options, pasted)
        kept = plan.visible(options.pixels(options.min_cropped_area))
        if kept:
            break
    return plan, kept


def _draw_geometry(
    mask: np.ndarray,
    rng: np.random.Generator,
    options: SynthesisOptions,
    cutouts: Sequence[Cutout],
) -> _Plan:
    base, resized = _draw_base(mask.shape, rng, options)
    chosen = _choose(mask, rng, options, resized)
    rows = _renumber(mask, chosen)
    box = union_box([rows]) or (0.0, 0.0, float(mask.shape[1]), float(mask.shape[0]))
    around = moved_box(box, base)
    start = draw_window(rng, around, options.crop, resized)
    base = shifting(-start[0], -start[1]) @ base
    continued = rng.random() < options.continued
    warps = draw_warps(rng, options.motion, base, options.crop, options.frames, continued=continued)
    if options.window and rng.random() < options.window:
        starts = _draw_windows(rng, around, start, options, resized, continued=continued)
        warps = [_from_window(warp, start, own) for warp, own in zip(warps, starts, strict=True)]
    centre = _centre(box, warps[0])
    near = centre if chosen else None
    layers, used = [], len(chosen)
    for cutout in cutouts:
        labelled = used < options.max_objects and rng.random() < options.paste.labelled
        used += labelled
        row = used if labelled else 0
        target = None
        if chosen and options.paste.crossing and rng.random() < options.paste.crossing:
            target = _draw_target(rng, box, warps)
        layers.append(
            draw_layer(rng, cutout, row, options.paste, options.crop, options.frames, near, target)
        )
    return _Plan(rows, warps, layers)


def _centre(box: Box, warp: Warp) -> tuple[float, float]:
    """Where a warp puts the centre (x, y) of a box of the still."""
    x, y, z = warp.matrix @ ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2, 1)
    return x / z, y / z


def _draw_target(rng: np.random.Generator, box: Box, warps: Sequence[Warp]) -> Target:
    """The objects of the still in a frame after the first."""
    frame = int(rng.integers(1, len(warps)))
    x0, y0, x1, y1 = moved_box(box, warps[frame].matrix)
    return Target(frame, _centre(box, warps[frame]), float(np.hypot(x1 - x0, y1 - y0)) / 2)


def _draw_windows(
    rng: np.random.Generator,
    box: Box,
    start: tuple[float, float],
    options: SynthesisOptions,
    resized: tuple[int, int],
    *,
    continued: bool,
) -> np.ndarray:
    """Top left corners (x, y) of each frame's crop, `[T, 2]`, the first one at `start`."""
    count = options.frames - 1
    if not continued:
        drawn = [draw_window(rng, box, options.crop, resized) for _ in range(count)]
        return np.array([start, *drawn])
    end = draw_window(rng, box, options.crop, resized)
    return np.linspace(start, end, options.frames)


def _from_window(warp: Warp, start: tuple[float, float], own: np.ndarray) -> Warp:
    """The warp with its crop at `own` instead of `start`."""
    x, y = start[0] - own[0], start[1] - own[1]
    return Warp(shifting(x, y) @ warp.matrix, warp.size, warp.displacement)


def _draw_base(
    source: tuple[int, int], rng: np.random.Generator, options: SynthesisOptions
) -> tuple[np.ndarray, tuple[int, int]]:
    """Matrix of the clip's scale and flip, and the size (H, W) of the still after it."""
    factor = rng.uniform(*options.scale) * min(options.crop) / min(source)
    resized = max(1, round(source[0] * factor)), max(1, round(source[1] * factor))
    base = resizing(source, resized)
    if rng.random() < options.flip:
        base = flipping(resized[1]) @ base
    return base, resized


def _choose(
    mask: np.ndarray,
    rng: np.random.Generator,
    options: SynthesisOptions,
    resized: tuple[int, int],
) -> list[int]:
    """Ids of up to `max_objects` objects that are large enough in the resized still."""
    areas = np.bincount(mask.ravel(), minlength=256) * (resized[0] * resized[1] / mask.size)
    large = [i for i in range(1, 255) if areas[i] >= options.pixels(options.min_area)]
    if len(large) > options.max_objects:
        large = list(rng.choice(large, options.max_objects, replace=False))
    return sorted(int(value) for value in large)


def _renumber(labels: np.ndarray, kept: Sequence[int]) -> np.ndarray:
    """Labels uint8 `[H, W]` with kept[k] as k + 1 and everything else as 0."""
    table = np.zeros(256, np.uint8)
    table[list(kept)] = np.arange(1, len(kept) + 1, dtype=np.uint8)
    return table[labels]
