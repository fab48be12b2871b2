"""Comparing predictions by name with what is expected of them: a data set, or other predictions."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from vostool.core.errors import DataError
from vostool.core.types import Video
from vostool.predictions.folder import PredictionFolder


class Difference(enum.Enum):
    """In what predictions differ; values read as in '3 missing frames'."""

    MISSING_VIDEO = "missing videos"
    UNKNOWN_VIDEO = "unknown videos"
    MISSING_FRAMES = "missing frames"
    UNKNOWN_FRAMES = "unknown frames"


@dataclass(frozen=True)
class Found:
    """One difference.

    Attributes:
        frames: those that are missing or unknown, in time order; empty for whole videos.
    """

    difference: Difference
    video: str
    frames: tuple[str, ...] = ()

    def places(self) -> list[str]:
        """VIDEO, or VIDEO/FRAME for each frame."""
        return [f"{self.video}/{frame}" for frame in self.frames] or [self.video]


@dataclass(frozen=True)
class ExpectedFrames:
    """Frames of a video.

    Attributes:
        needed: must be there, in time order.
        allowed: may be there, too.
    """

    needed: tuple[str, ...]
    allowed: Collection[str] = ()

    @classmethod
    def of(cls, video: Video) -> ExpectedFrames:
        """The frames that are submitted must be there, the others may be."""
        return cls(video.output_frames, video.frame_names)


def compare(
    predictions: PredictionFolder,
    expected: Mapping[str, ExpectedFrames],
    known: Iterable[str] = (),
) -> Iterator[Found]:
    """Yield all differences: unknown videos first, then video by video as they are expected.

    Args:
        known: videos that may be there besides, whatever their frames.
    """
    there = predictions.videos()
    for name in sorted(set(there) - set(expected) - set(known)):
        yield Found(Difference.UNKNOWN_VIDEO, name)
    for name, frames in expected.items():
        if name not in there:
            yield Found(Difference.MISSING_VIDEO, name)
            continue
        predicted = set(predictions.frames(name))
        missing = tuple(frame for frame in frames.needed if frame not in predicted)
        unknown = tuple(sorted(predicted - set(frames.needed) - set(frames.allowed)))
        if missing:
            yield Found(Difference.MISSING_FRAMES, name, missing)
        if unknown:
            yield Found(Difference.UNKNOWN_FRAMES, name, unknown)


def refuse_unknown(
    predictions: PredictionFolder,
    videos: Iterable[Video],
    title: str,
    names: Collection[str] = (),
) -> None:
    """Raise DataError for the first predicted video or frame that a data set does not have.

    Args:
        videos: all of the data set.
        title: what to call it in the sentence.
        names: predicted videos to look at; none: all.
    """
    expected = {video.name: ExpectedFrames.of(video) for video in videos}
    for found in compare(predictions, expected):
        if names and found.video not in names:
            continue
        if found.difference is Difference.UNKNOWN_VIDEO:
            raise DataError(
                f"{title} has no video {found.video}",
                where=predictions.root,
                remedy="check --dataset and --split, or remove the folder",
            )
        if found.difference is Difference.UNKNOWN_FRAMES:
            raise DataError(
                f"video {found.video} of {title} has no frame {found.frames[0]}",
                where=predictions.mask_path(found.video, found.frames[0]),
                remedy="remove the mask, or check --dataset and --split",
            )
