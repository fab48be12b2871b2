"""Training clips from annotated videos."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import Field, model_validator
from torch.utils.data import Dataset

from vostool.core.errors import DataError
from vostool.core.options import Options
from vostool.core.types import Clip, Frame, ObjectProposals, ProposalSource, Video
from vostool.datasets.annotations import read_annotation
from vostool.media.images import read_frame
from vostool.nn.mask_proposals import tight_boxes
from vostool.training.augmentation import colour
from vostool.training.augmentation.colour import ColourJitter
from vostool.training.augmentation.crop import draw_window, moved_box, union_box
from vostool.training.augmentation.motion import Motion, draw_warps
from vostool.training.augmentation.warps import Warp, flipping, resizing, shifting
from vostool.training.clips.curriculum import LengthSchedule, SkipCurriculum
from vostool.training.clips.sampling import SOURCE_ATTEMPTS, clip_of, generator

CROP_ATTEMPTS = 10
PREVIOUS_REACH = 5
"""How many raw frames back a frame's `previous` labels are at most, where there are such."""


class VideoClipOptions(Options):
    """How a clip is taken from a video."""

    frames: int = Field(default=3, ge=2, description="frames of a clip")
    crop: tuple[int, int] = Field(default=(384, 640), description="height, width in pixels")
    short_side: tuple[int, int | None] = Field(
        default=(384, None),
        description="short side of the scaled frame in pixels; null: the original's",
    )
    aspect: float = Field(
        default=0.1, ge=0, lt=1, description="independent change of height and width, both ways"
    )
    flip: float = Field(default=0.5, ge=0, le=1, description="probability of mirroring")
    reverse: float = Field(default=0.5, ge=0, le=1, description="probability of running backwards")
    colour: ColourJitter = Field(
        default=ColourJitter(brightness=0.1, contrast=0.05, saturation=0.05, hue=0.05),
        description="drawn once for a clip",
    )
    frame_colour: ColourJitter = Field(
        default=ColourJitter(brightness=0.03, contrast=0.03, saturation=0.03),
        description="drawn for each frame",
    )
    motion: Motion = Field(
        default=Motion(rotation=15, scale=(1.0, 1.0), shear=10, shift=0, thin_plate=0),
        description="drawn for each frame",
    )
    window_jitter: int = Field(
        default=20, ge=0, description="pixels by which each frame's window moves, both ways"
    )
    max_objects: int = Field(default=3, ge=1, le=254, description="objects of a clip")
    min_area: int = Field(
        default=100, ge=1, description="pixels of an object in the cropped first frame"
    )
    previous: bool = Field(
        default=False, description="also give the labels of the annotated frame before each frame"
    )

    @model_validator(mode="after")
    def _ordered(self) -> VideoClipOptions:
        low, high = self.short_side
        if low < 16 or (high is not None and high < low):
            raise ValueError("short_side must be two sizes of at least 16, the smaller one first")
        if min(self.crop) < 16:
            raise ValueError("crop must be at least 16 x 16 pixels")
        return self


@dataclass(frozen=True)
class _Annotated:
    """A video's annotated frames and their positions in raw video frames."""

    video: Video
    frames: tuple[Frame, ...]
    raw: np.ndarray


class VideoClips(Dataset[Clip]):
    """Clips of annotated frames; each video is as likely as any other.

    Args:
        videos: those with fewer than two annotated frames are left out.
        options: how clips are taken.
        curriculum: largest gap by sample number.
        samples: length.
        seed: together with the sample's number, decides everything.
        proposals: of the videos' frames; clips then come with them, seen through the same warps.
        lengths: frames of a clip by sample number; by default always those of the options.

    Raises:
        DataError: no video has two annotated frames; while sampling, many draws in a row without
            an object, or a frame or mask that cannot be read.
    """

    def __init__(
        self,
        videos: Sequence[Video],
        options: VideoClipOptions,
        *,
        curriculum: SkipCurriculum,
        samples: int,
        seed: int = 0,
        proposals: ProposalSource | None = None,
        lengths: LengthSchedule | None = None,
    ):
        annotated = [_annotated(video) for video in videos]
        self.videos = tuple(item for item in annotated if len(item.frames) >= 2)
        if not self.videos:
            raise DataError(
                f"none of the {len(videos)} videos has two annotated frames to train on",
                remedy="choose a split whose annotations are public, such as train",
            )
        self.options, self.curriculum = options, curriculum
        self.samples, self.seed, self.proposals = samples, seed, proposals
        self.lengths = lengths or LengthSchedule()

    def __len__(self) -> int:
        return self.samples

    def with_seed(self, seed: int) -> VideoClips:
        """Other clips of the same videos."""
        other = copy.copy(self)
        other.seed = seed
        return other

    def __getitem__(self, sample: int) -> Clip:
        rng = generator(self.seed, sample)
        max_skip = self.curriculum.max_skip(sample)
        frames = self.lengths.frames(sample, self.options.frames)
        for _ in range(SOURCE_ATTEMPTS):
            source = self.videos[int(rng.integers(len(self.videos)))]
            positions = draw_positions(rng, source.raw, frames, max_skip)
            if rng.random() < self.options.reverse:
                positions = positions[::-1]
            previous = self.options.previous and self.curriculum.gives_previous(sample)
            found = self._clip(rng, source, positions, previous)
            if found is not None:
                return found
        raise DataError(
            f"{SOURCE_ATTEMPTS} clips in a row have no object of at least "
            f"{self.options.min_area} pixels in their first frame",
            where=f"last: video {source.video.name}",
            remedy="check the annotations (vostool check-data), or lower min_area",
        )

    def _clip(
        self,
        rng: np.random.Generator,
        source: _Annotated,
        positions: list[int],
        with_previous: bool,
    ) -> Clip | None:
        """Read and crop the frames at `positions`; None if no object is left in the first."""
        options = self.options
        masks = [_mask(source, position) for position in positions]
        chosen = _choose(rng, masks[0], options.max_objects)
        if not chosen:
            return None
        warps = _draw_crop(rng, [_renumber(mask, chosen) for mask in masks], options)
        first = np.bincount(warps[0].labels(masks[0]).ravel(), minlength=256)
        kept = [value for value in chosen if first[value] >= options.min_area]
        if not kept:
            return None
        labels = np.stack([_renumber(w.labels(m), kept) for w, m in zip(warps, masks)])
        previous = None
        if with_previous:
            before = [_mask(source, p) for p in draw_previous(rng, source.raw, positions)]
            previous = np.stack([_renumber(w.labels(m), kept) for w, m in zip(warps, before)])
        pictures = [_picture(source, position, masks[0].shape) for position in positions]
        clip_colour = colour.draw_jitter(
            rng, options.colour, grey := colour.grey_level(pictures[0])
        )
        images = []
        for warp, picture in zip(warps, pictures):
            own = colour.draw_jitter(rng, options.frame_colour, grey)
            images.append(colour.recolour(warp.image(picture), colour.compose(own, clip_colour)))
        proposals = self._proposals(source, positions, pictures, warps)
        return clip_of(np.stack(images), labels, previous, proposals)

    def _proposals(
        self,
        source: _Annotated,
        positions: Sequence[int],
        pictures: Sequence[np.ndarray],
        warps: Sequence[Warp],
    ) -> tuple[ObjectProposals, ...] | None:
        """Of each frame, where the clip sees them."""
        if self.proposals is None:
            return None
        name, found = source.video.name, []
        for position, picture, warp in zip(positions, pictures, warps):
            frame = source.frames[position].name
            found.append(warped(self.proposals.proposals(picture, name, frame), warp))
        return tuple(found)


def warped(proposals: ObjectProposals, warp: Warp) -> ObjectProposals:
    """Proposals as the output of a warp shows them: those that have a pixel there, boxed anew."""
    masks = [warp.labels(mask.numpy().astype(np.uint8)) for mask in proposals.masks]
    if not masks:
        return ObjectProposals.none(*warp.size)
    moved = torch.from_numpy(np.stack(masks) > 0)
    seen = moved.flatten(1).any(1)
    return ObjectProposals(tight_boxes(moved[seen]), proposals.scores[seen], moved[seen])


def draw_positions(
    rng: np.random.Generator, raw: np.ndarray, frames: int, max_skip: int
) -> list[int]:
    """Draw an increasing sequence of annotated frames.

    Each next frame is uniform among those up to `max_skip` raw frames on, or the next annotated
    one where there is none so near. Near the end of a video gaps are shorter, so that the clip
    fits; a video with fewer frames than the clip repeats its last one.

    Args:
        raw: int `[M]`, increasing raw-frame numbers of the annotated frames.
    """
    count = len(raw)
    if count < frames:
        return list(range(count)) + [count - 1] * (frames - count)
    positions = [int(rng.integers(count - frames + 1))]
    while len(positions) < frames:
        here = positions[-1]
        last = count - (frames - len(positions))
        near = int(np.searchsorted(raw, raw[here] + max_skip, side="right")) - 1
        positions.append(int(rng.integers(here + 1, max(min(near, last), here + 1) + 1)))
    return positions


def draw_previous(rng: np.random.Generator, raw: np.ndarray, positions: list[int]) -> list[int]:
    """For each clip frame an annotated frame before it, in the clip's direction of time.

    Uniform among those up to `PREVIOUS_REACH` raw frames away, else the nearest one; the frame
    itself at the video's end, and for the first frame of the clip, whose mask is given.
    """
    forward = positions[-1] >= positions[0]
    result = [positions[0]]
    for position in positions[1:]:
        distance = raw[position] - raw if forward else raw - raw[position]
        before = np.flatnonzero(distance > 0)
        near = np.flatnonzero((distance > 0) & (distance <= PREVIOUS_REACH))
        if len(near):
            result.append(int(rng.choice(near)))
        elif len(before):
            result.append(int(before[np.argmin(distance[before])]))
        else:
            result.append(position)
    return result


def _annotated(video: Video) -> _Annotated:
    indices = [i for i, frame in enumerate(video.frames) if frame.annotated]
    raw = np.array(indices, int) * video.frame_step
    return _Annotated(video, tuple(video.frames[i] for i in indices), raw)


def _mask(source: _Annotated, position: int) -> np.ndarray:
    return read_annotation(source.video, source.frames[position])


def _picture(source: _Annotated, position: int, expected: tuple[int, ...]) -> np.ndarray:
    frame = source.frames[position]
    picture = read_frame(frame)
    if picture.shape[:2] != expected:
        raise DataError(
            f"the frame is {picture.shape[0]} x {picture.shape[1]} pixels but the clip's masks "
            f"are {expected[0]} x {expected[1]}",
            where=f"video {source.video.name}, frame {frame.name}",
            remedy="use masks of the frames' size",
        )
    return picture


def _choose(rng: np.random.Generator, mask: np.ndarray, max_objects: int) -> list[int]:
    ids = [int(value) for value in np.flatnonzero(np.bincount(mask.ravel())) if value]
    if len(ids) > max_objects:
        ids = sorted(int(value) for value in rng.choice(ids, max_objects, replace=False))
    return ids


def _renumber(labels: np.ndarray, kept: Sequence[int]) -> np.ndarray:
    table = np.zeros(256, np.uint8)
    table[list(kept)] = np.arange(1, len(kept) + 1, dtype=np.uint8)
    return table[labels]


def _draw_crop(
    rng: np.random.Generator, rows: list[np.ndarray], options: VideoClipOptions
) -> list[Warp]:
    """Draw scale, flip, window and motion until frame 0 keeps an object, or for ten attempts."""
    source = rows[0].shape
    low, high = options.short_side
    short = rng.integers(low, max(low, min(source) if high is None else high) + 1)
    factors = short / min(source) * (1 + options.aspect * rng.uniform(-1, 1, 2))
    height, width = (max(1, round(side * factor)) for side, factor in zip(source, factors))
    scaled = resizing(source, (height, width))
    if rng.random() < options.flip:
        scaled = flipping(width) @ scaled
    box = union_box(rows)
    assert box is not None
    for _ in range(CROP_ATTEMPTS):
        x, y = draw_window(rng, moved_box(box, scaled), options.crop, (height, width))
        base = shifting(-x, -y) @ scaled
        warps = [
            _jittered(rng, warp, options.window_jitter)
            for warp in draw_warps(rng, options.motion, base, options.crop, len(rows))
        ]
        areas = np.bincount(warps[0].labels(rows[0]).ravel(), minlength=2)[1:]
        if areas.max() >= options.min_area:
            break
    return warps


def _jittered(rng: np.random.Generator, warp: Warp, pixels: int) -> Warp:
    x, y = rng.uniform(-pixels, pixels, 2)
    return Warp(shifting(x, y) @ warp.matrix, warp.size, warp.displacement)
