"""Whether videos have ground truth for what is scored: a late object's first mask is none."""

from __future__ import annotations

from collections.abc import Sequence

from vostool.core.errors import DataError
from vostool.core.types import Video
from vostool.datasets.selection import Selection
from vostool.datasets.spec import ScoringRule
from vostool.scoring.evaluate import counted_frames
from vostool.scoring.problems import Problems


def has_ground_truth(videos: Sequence[Video], rule: ScoringRule) -> bool:
    """Whether every listed frame is annotated and some frame counts."""
    return not _unannotated(videos) and _counts(videos, rule)


def require_ground_truth(videos: Sequence[Video], rule: ScoringRule, selection: Selection) -> None:
    """Refuse splits whose later masks are not public.

    Raises:
        DataError: listed frames without annotation, all of them named; or no frame counts.
    """
    remedy = _remedy(selection.spec.ground_truth_splits)
    lacking = Problems()
    for place in _unannotated(videos):
        lacking.add("listed frames without a mask", place)
    lacking.raise_if_any(selection.root, f"{selection} has no complete ground truth", remedy)
    if not _counts(videos, rule):
        raise DataError(
            f"{selection} has no annotated frame that counts", where=selection.root, remedy=remedy
        )


def _remedy(public: Sequence[str]) -> str:
    if not public:
        return "this data set has no true masks; name a folder of them (vostool evaluate --gt)"
    return (
        f"score a split with public ground truth ({', '.join(public)}) or one made by vostool "
        "split; others are scored by their server (vostool package-submission)"
    )


def _unannotated(videos: Sequence[Video]) -> list[str]:
    """Frames that the data set lists for an object and that have no annotation."""
    found = []
    for video in videos:
        there = {frame.name for frame in video.frames if frame.annotated}
        listed = {name for item in video.objects for name in item.frames}
        listed |= {name for item in video.objects if item.scored for name in item.scored.names}
        found += [f"{video.name}/{name}" for name in sorted(listed - there)]
    return found


def _counts(videos: Sequence[Video], rule: ScoringRule) -> bool:
    return any(any(counted_frames(video, rule).values()) for video in videos)
