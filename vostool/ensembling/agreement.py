"""Whether prediction folders can be combined: the same videos, frames, sizes and ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vostool.core.errors import DataError
from vostool.core.types import ObjectIds
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
        listed = "; ".join(differences[:SHOWN])
        more = f"; and {len(differences) - SHOWN} more" if len(differences) > SHOWN else ""
        raise DataError(
            f"predictions disagree: {listed}{more}",
            where=f"compared with {members[0].root}",
            remedy="make all members with vostool infer on the same data set, split and frames",
        )


def _differences(
    first: PredictionFolder, other: PredictionFolder, probabilities: bool
) -> Iterator[str]:
    yield from _missing_and_extra(first.videos(), other.videos(), f"{other.root}", "video")
    for video in first.videos():
        if video not in other.videos():
            continue
        place = f"{other.root}, {video}"
        yield from _missing_and_extra(first.frames(video), other.frames(video), place, "frame")
        for frame in first.frames(video):
            if frame in other.frames(video):
                here, there = first.size(video, frame), other.size(video, frame)
                if here != there:
                    yield f"{place}: frame {frame} is {_text(there)} and not {_text(here)}"
        ours, theirs = (
            video_ids(first, video, probabilities),
            video_ids(other, video, probabilities),
        )
        if ours is not None and theirs is not None and ours != theirs:
            yield f"{place}: ids {list(theirs)} and not {list(ours)}"


def _missing_and_extra(
    expected: Sequence[str], found: Sequence[str], place: str, what: str
) -> Iterator[str]:
    for words, names in (
        ("has no", sorted(set(expected) - set(found))),
        ("has the additional", sorted(set(found) - set(expected))),
    ):
        if names:
            shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            yield f"{place}: {words} {what} {shown}"


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
