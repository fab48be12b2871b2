"""What makes a video hard: long, crowded, small objects, objects that vanish or come back.

Today's challenges report these cases apart (MOSEv2, LVOS), so that validation videos should show
them. Masks are read in a few frames of each video, evenly spread.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vostool.core.threads import ordered_map
from vostool.core.types import Video
from vostool.datasets.annotations import read_annotation

SAMPLED_FRAMES = 48
CROWDED_OBJECTS = 4
SMALL_SHARE = 0.01
"""An object is small if half the time it covers less than this part of the frame."""
LONG_QUANTILE = 0.75
"""Long are the videos of the longest quarter."""


@dataclass(frozen=True)
class VideoTraits:
    """Which cases a video shows.

    Attributes:
        long: among the longest quarter of the split, in raw frames.
        crowded: it has at least four objects.
        small: some object covers less than a hundredth of the frame, half the time it is there.
        vanishing: some object is in a frame and not in a later one.
        returning: some object comes back after that.
    """

    long: bool
    crowded: bool
    small: bool
    vanishing: bool
    returning: bool


TRAITS = tuple(item.name for item in dataclasses.fields(VideoTraits))


def video_traits(videos: Sequence[Video]) -> dict[str, VideoTraits]:
    """Traits of all videos of a split, by name.

    Raises:
        DataError: a mask is unreadable.
    """
    lengths = [len(video.frames) * video.frame_step for video in videos]
    limit = float(np.quantile(lengths, LONG_QUANTILE)) if lengths else 0.0
    shares = ordered_map(_shares, videos, name="traits")
    return {
        video.name: _traits(length > limit or length == max(lengths), shown)
        for video, length, shown in zip(videos, lengths, shares, strict=True)
    }


def with_trait(traits: dict[str, VideoTraits], name: str) -> frozenset[str]:
    """Names of the videos that show a case."""
    return frozenset(video for video, shown in traits.items() if getattr(shown, name))


def _shares(video: Video) -> np.ndarray:
    """Part of the frame that each object covers in some annotated frames, float64 `[T, N]`."""
    annotated = [frame for frame in video.frames if frame.annotated]
    count = min(len(annotated), SAMPLED_FRAMES)
    rows = []
    for position in np.linspace(0, len(annotated) - 1, count).round().astype(int):
        mask = read_annotation(video, annotated[position])
        areas = np.bincount(mask.ravel(), minlength=256)
        rows.append(areas[list(video.ids)] / mask.size)
    return np.array(rows, np.float64).reshape(len(rows), len(video.ids))


def _traits(long: bool, shares: np.ndarray) -> VideoTraits:
    there = shares > 0
    left = np.logical_or.accumulate(there, axis=0) & ~there
    back = np.logical_or.accumulate(left, axis=0) & there
    medians = [np.median(column[column > 0]) for column in shares.T if (column > 0).any()]
    return VideoTraits(
        long=long,
        crowded=shares.shape[1] >= CROWDED_OBJECTS,
        small=any(median < SMALL_SHARE for median in medians),
        vanishing=bool(left.any()),
        returning=bool(back.any()),
    )
