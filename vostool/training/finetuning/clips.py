"""Clips for online fine-tuning, made of the frames of one video whose masks are given.

Like the clips that are synthesized from stills, with two additions: in a part of the clips the
objects move apart from a background in which they are painted over, as in Lucid Data Dreaming
(Khoreva et al., IJCV 2019); and occluders are patches of the frame itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from pydantic import Field

from vostool.core.options import Options
from vostool.core.types import Clip, ObjectIds
from vostool.media.geometry import Padding
from vostool.training.augmentation import colour
from vostool.training.augmentation.colour import ColourJitter
from vostool.training.augmentation.crop import union_box
from vostool.training.augmentation.motion import (
    PARAMETERS,
    Motion,
    draw_path,
    draw_warps,
    motion_matrix,
)
from vostool.training.augmentation.warps import flipping, shifting
from vostool.training.clips.sampling import clip_of, generator
from vostool.training.synthesis.pasting import Cutout, Layer, PasteOptions, draw_layer, place_cutout
from vostool.training.synthesis.synthesize import (
    REFERENCE_AREA,
    SynthesisOptions,
    draw_paste_count,
    synthesize_clip,
)

INPAINTED_SIDE = 120
"""Short side in pixels at which backgrounds are painted: they are blurred anyway."""
LARGEST_COVER = 0.7
"""Part of the frame that objects cover above which no background is left to paint with."""
ATTEMPTS = 10


class FinetuneClipOptions(Options):
    """How clips are made from a given frame."""

    frames: int = Field(3, ge=2, description="frames of a clip")
    motion: Motion = Field(
        Motion(rotation=15, scale=(0.8, 1.2), shear=0, shift=0.1),
        description="of the whole picture, and of each object that moves apart from it",
    )
    continued: float = Field(
        0.5, ge=0, le=1, description="probability that motion goes on in one direction"
    )
    apart: float = Field(
        0.5, ge=0, le=1, description="part of the clips in which objects move by themselves"
    )
    flip: float = Field(0.5, ge=0, le=1, description="probability of mirroring")
    colour: ColourJitter = Field(
        ColourJitter(brightness=0.15, contrast=0.1, saturation=0.1),
        description="drawn for each frame",
    )
    gamma: float = Field(
        0.2, ge=0, le=2, description="exponents are drawn from [1 / (1 + gamma), 1 + gamma]"
    )
    occluders: PasteOptions = Field(
        PasteOptions(probability=0.5, count=(1, 2), size=(0.05, 0.15), labelled=0),
        description="patches of the frame that move over the clip",
    )
    max_objects: int = Field(3, ge=1, le=254, description="objects of a clip, drawn anew for each")
    least_pixels: int = Field(
        16, ge=1, description="of an object at the size that the network sees; smaller: left out"
    )


@dataclass(frozen=True)
class GivenFrame:
    """A frame with the masks given in it, at the size that the network sees.

    Attributes:
        image: uint8 `[h, w, 3]` RGB.
        mask: uint8 `[h, w]` ids, of large enough objects only.
    """

    image: np.ndarray
    mask: np.ndarray

    @classmethod
    def at_size(
        cls,
        image: np.ndarray,
        mask: np.ndarray,
        size: tuple[int, int],
        least_pixels: int,
        padding: Padding | None = None,
    ) -> GivenFrame:
        """Resize image and mask to (h, w); drop objects of fewer pixels than that afterwards.

        Args:
            padding: black, unlabelled border that is put around, as inference does.
        """
        if image.shape[:2] != size:
            shrinks = size[0] < image.shape[0]
            how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            image = cv2.resize(np.ascontiguousarray(image), size[::-1], interpolation=how)
            mask = cv2.resize(
                np.ascontiguousarray(mask), size[::-1], interpolation=cv2.INTER_NEAREST_EXACT
            )
        areas = np.bincount(mask.ravel(), minlength=256)
        kept = (areas >= least_pixels) & (np.arange(256) > 0)
        mask = np.where(kept[mask], mask, 0).astype(np.uint8)
        if padding is not None:
            sides = ((padding.top, padding.bottom), (padding.left, padding.right))
            image, mask = np.pad(image, (*sides, (0, 0))), np.pad(mask, sides)
        return cls(image, mask)

    @property
    def ids(self) -> list[int]:
        """Ids of the objects."""
        return np.unique(self.mask[self.mask > 0]).tolist()

    @cached_property
    def background(self) -> np.ndarray | None:
        """The image with its objects painted over, or None if they leave too little of it."""
        return paint_over(self.image, self.mask > 0)


def paint_over(image: np.ndarray, covered: np.ndarray) -> np.ndarray | None:
    """Fill bool `[h, w]` of uint8 `[h, w, 3]` from around it; None if too much is covered."""
    if covered.mean() > LARGEST_COVER:
        return None
    factor = min(1.0, INPAINTED_SIDE / min(covered.shape))
    small = tuple(max(1, round(side * factor)) for side in covered.shape)
    hole = cv2.dilate(covered.astype(np.uint8), np.ones((5, 5), np.uint8))
    coarse = cv2.resize(image, small[::-1], interpolation=cv2.INTER_AREA)
    coarse_hole = cv2.resize(hole * 255, small[::-1], interpolation=cv2.INTER_AREA)
    painted = cv2.inpaint(coarse, (coarse_hole > 0).astype(np.uint8), 3, cv2.INPAINT_TELEA)
    painted = cv2.resize(painted, covered.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.where(hole[..., None] > 0, painted, image)


class FinetuneClips:
    """Clips by number; each is a pure function of the seed, the number and the frames.

    Args:
        frames: given so far, the newest last; every second clip is made of that one.
        options: how clips are made.
        seed: together with the number, decides everything.
    """

    def __init__(self, frames: Sequence[GivenFrame], options: FinetuneClipOptions, seed: int):
        if not frames or not all(frame.ids for frame in frames):
            raise ValueError("clips need frames with objects")
        self.frames, self.options, self.seed = tuple(frames), options, seed

    def __getitem__(self, number: int) -> Clip:
        rng = generator(self.seed, number)
        frame = self.frames[-1]
        if len(self.frames) > 1 and rng.random() < 0.5:
            frame = self.frames[int(rng.integers(len(self.frames) - 1))]
        images, labels = draw_clip(rng, frame, self.options)
        return clip_of(images, labels, np.concatenate([labels[:1], labels[:-1]]))


def draw_clip(
    rng: np.random.Generator, frame: GivenFrame, options: FinetuneClipOptions
) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 `[T, h, w, 3]` and labels uint8 `[T, h, w]`, rows 1..N, N >= 1 in frame 0."""
    chosen = frame.ids
    if len(chosen) > options.max_objects:
        chosen = sorted(rng.choice(chosen, options.max_objects, replace=False).tolist())
    mask = ObjectIds.of(chosen).to_rows(frame.mask)
    for _ in range(ATTEMPTS):
        occluders = _occluders(rng, frame.image, options.occluders)
        if rng.random() < options.apart and frame.background is not None:
            images, labels = _move_apart(rng, frame, mask, occluders, options)
        else:
            images, labels = _move_together(rng, frame.image, mask, occluders, options)
        if labels[0].any():
            break
    else:
        images = np.stack([frame.image] * options.frames)
        labels = np.stack([mask] * options.frames)
    return np.stack([_gamma(rng, image, options.gamma) for image in images]), labels


def _move_together(
    rng: np.random.Generator,
    image: np.ndarray,
    mask: np.ndarray,
    occluders: Sequence[Cutout],
    options: FinetuneClipOptions,
) -> tuple[np.ndarray, np.ndarray]:
    size = (mask.shape[0], mask.shape[1])
    least = max(1, round(options.least_pixels * REFERENCE_AREA / (size[0] * size[1])))
    synthesis = SynthesisOptions(
        frames=options.frames,
        crop=size,
        scale=(1, 1),
        flip=options.flip,
        colour=ColourJitter(brightness=0, contrast=0, saturation=0),
        frame_colour=options.colour,
        motion=options.motion,
        continued=options.continued,
        paste=options.occluders,
        max_objects=options.max_objects,
        min_area=1,
        min_cropped_area=least,
    )
    return synthesize_clip(image, mask, rng, synthesis, occluders)


def _move_apart(
    rng: np.random.Generator,
    frame: GivenFrame,
    mask: np.ndarray,
    occluders: Sequence[Cutout],
    options: FinetuneClipOptions,
) -> tuple[np.ndarray, np.ndarray]:
    """Background and objects on ways of their own, objects in any order in depth."""
    assert frame.background is not None
    size, count = (mask.shape[0], mask.shape[1]), options.frames
    base = flipping(size[1]) if rng.random() < options.flip else np.eye(3)
    warps = draw_warps(
        rng, options.motion, base, size, count, continued=rng.random() < options.continued
    )
    layers = [
        _object_layer(rng, frame.image, mask == row, int(row), base, options)
        for row in rng.permutation(np.unique(mask[mask > 0]))
    ]
    layers += [draw_layer(rng, item, 0, options.occluders, size, count, None) for item in occluders]
    level = colour.grey_level(frame.image)
    images, labels = [], []
    for index, warp in enumerate(warps):
        picture, rows = warp.image(frame.background), np.zeros(size, np.uint8)
        for layer in layers:
            layer.paint(picture, rows, index)
        matrix = colour.draw_jitter(rng, options.colour, level)
        images.append(colour.recolour(picture, matrix))
        labels.append(rows)
    seen = np.bincount(labels[0].ravel(), minlength=256) >= options.least_pixels
    kept = ObjectIds.of(row for row in range(1, 255) if seen[row])
    return np.stack(images), np.stack([kept.to_rows(rows) for rows in labels])


def _object_layer(
    rng: np.random.Generator,
    image: np.ndarray,
    mask: np.ndarray,
    row: int,
    base: np.ndarray,
    options: FinetuneClipOptions,
) -> Layer:
    """One object that turns and grows about its own centre, and moves."""
    size, box = (mask.shape[0], mask.shape[1]), union_box([mask])
    assert box is not None
    x0, y0, x1, y1 = (int(value) for value in box)
    left, top = max(x0 - 2, 0), max(y0 - 2, 0)
    window = (slice(top, y1 + 2), slice(left, x1 + 2))
    cutout = Cutout(image[window], mask[window].astype(np.uint8) * 255)
    centre = base @ ((x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2, 1)
    middle = ((size[1] - 1) / 2, (size[0] - 1) / 2)
    to_middle = shifting(middle[0] - centre[0], middle[1] - centre[1])
    back = shifting(centre[0] - middle[0], centre[1] - middle[1])
    path = draw_path(
        rng, options.frames, PARAMETERS, continued=bool(rng.random() < options.continued)
    )
    places = []
    for parameters in path:
        # Motion turns about the middle of the picture: the object is taken there and back.
        own = back @ motion_matrix(options.motion, parameters, size) @ to_middle
        places.append(place_cutout(cutout, own @ base @ shifting(left, top), size))
    return Layer(cutout, tuple(places), row)


def _occluders(rng: np.random.Generator, image: np.ndarray, options: PasteOptions) -> list[Cutout]:
    """Elliptic patches from anywhere in the frame."""
    height, width = image.shape[:2]
    found = []
    for _ in range(draw_paste_count(rng, options)):
        side = rng.uniform(*options.size) * min(height, width)
        ratio = rng.uniform(0.5, 2.0)
        h = int(np.clip(side * ratio, 4, height))
        w = int(np.clip(side / ratio, 4, width))
        y, x = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
        alpha = np.zeros((h, w), np.uint8)
        cv2.ellipse(alpha, (w // 2, h // 2), (w // 2 - 1, h // 2 - 1), 0, 0, 360, 255, -1)
        found.append(Cutout(image[y : y + h, x : x + w], alpha))
    return found


def _gamma(rng: np.random.Generator, image: np.ndarray, gamma: float) -> np.ndarray:
    exponent = (1 + gamma) ** rng.uniform(-1, 1)
    table = np.round(255 * (np.arange(256) / 255) ** exponent)
    return cv2.LUT(image, table.astype(np.uint8))
