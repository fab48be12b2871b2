"""Whether prediction folders can be merged: the same videos, frames, sizes and ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vostool.core.errors import DataError
from vostool.core.listing import some
from vostool.core.types import ObjectIds
from vostool.predictions.comparison import Difference, ExpectedFrames, Found, compare
from vostool.predictions.folder import PredictionFolder
from vostool.predictions.manifest import video_entries

SHOWN = 12
"""Differences listed in the message."""


def check_agreement(members: Sequence[PredictionFolder], probabilities: bool) -> None:
    """Raise one DataError that lists how members differ from the first one.

    Ids come from the probabilities if they are used (first frame of each video; the others are
    checked as they are read), otherwise from run.json, where folders have one.

    Raises:
        DataError: they disagree.
    """
    differences = [
        line for other in members[1:] for line in _differences(members[0], other, probabilities)
    ]
    if differences:
        raise DataError(
            f"predictions disagree: {some(differences, SHOWN, '; ')}",
            where=f"compared with {members[0].root}",
            remedy="make all members with vostool infer on the same data set, split and frames",
        )


def _differences(
    first: PredictionFolder, other: PredictionFolder, probabilities: bool
) -> Iterator[str]:
    expected = {video: ExpectedFrames(first.frames(video)) for video in first.videos()}
    for found in compare(other, expected):
        yield f"{other.root}{_sentence(found)}"
    for video in first.videos():
        if video not in other.videos():
            continue
        place = f"{other.root}, {video}"
        there = set(other.frames(video))
        for frame in first.frames(video):
            if frame not in there:
                continue
            expected_size, size = first.size(video, frame), other.size(video, frame)
            if expected_size != size:
                yield f"{place}: frame {frame} is {_text(size)} and not {_text(expected_size)}"
        ours = video_ids(first, video, probabilities)
        theirs = video_ids(other, video, probabilities)
        if ours is not None and theirs is not None and ours != theirs:
            yield f"{place}: ids {list(theirs)} and not {list(ours)}"


def _sentence(found: Found) -> str:
    match found.difference:
        case Difference.MISSING_VIDEO:
            return f" has no video {found.video}"
        case Difference.UNKNOWN_VIDEO:
            return f" has the additional video {found.video}"
        case Difference.MISSING_FRAMES:
            return f", {found.video}: has no frame {some(found.frames)}"
        case Difference.UNKNOWN_FRAMES:
            return f", {found.video}: has the additional frame {some(found.frames)}"


def video_ids(member: PredictionFolder, video: str, probabilities: bool) -> ObjectIds | None:
    """Ids of a video as far as a folder says; None if it does not."""
    if probabilities:
        frames = member.frames(video)
        return member.probability_ids(video, frames[0])
    listed = video_entries(member.manifest).get(video, {}).get("ids")
    if not isinstance(listed, list) or not all(isinstance(value, int) for value in listed):
        return None
    return ObjectIds.of(listed)


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
