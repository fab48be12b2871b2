"""Which predictions a report compares, on which videos, and what each of them lacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from vostool.core.errors import DataError, UsageError
from vostool.core.types import Video
from vostool.datasets.selection import Selection
from vostool.predictions.comparison import Difference, ExpectedFrames, compare, refuse_unknown
from vostool.predictions.folder import PredictionFolder
from vostool.predictions.manifest import unfinished_videos


def label_folders(predictions: Sequence[Path | str]) -> dict[str, Path]:
    """Label -> folder; the folder's name where it is unique, else its path.

    Raises:
        UsageError: no prediction, or a label twice.
    """
    if not predictions:
        raise UsageError("no predictions are given", remedy="name one or more prediction folders")
    pairs = []
    for item in predictions:
        label, equals, place = str(item).partition("=")
        named = bool(equals and label and place) and not Path(item).exists()
        pairs.append((label if named else "", Path(place if named else item)))
    count = Counter(path.resolve().name for _, path in pairs)
    labels = [
        label or (path.resolve().name if count[path.resolve().name] == 1 else str(path))
        for label, path in pairs
    ]
    twice = [label for label, number in Counter(labels).items() if number > 1]
    if twice:
        raise UsageError(f"two predictions are called {twice[0]}", remedy="name them: LABEL=FOLDER")
    return dict(zip(labels, (path for _, path in pairs), strict=True))


def common_videos(
    folders: dict[str, PredictionFolder],
    videos: list[Video],
    selection: Selection,
    allow_partial: bool,
) -> tuple[list[Video], dict[str, str]]:
    """The videos that all folders hold, and what each folder lacks in words.

    Raises:
        DataError: a folder has what the data set lacks; lacks videos or has unfinished ones, unless
            that is allowed; or there is no video that all have.
    """
    everything = selection.whole().load() if selection.videos else videos
    expected = {video.name: ExpectedFrames.of(video) for video in videos}
    lacking: dict[str, set[str]] = {}
    for label, folder in folders.items():
        refuse_unknown(folder, everything, str(selection))
        if not allow_partial:
            folder.require_finished(expected)
        found = compare(folder, expected, {video.name for video in everything})
        missing = {f.video for f in found if f.difference is Difference.MISSING_VIDEO}
        lacking[label] = missing | (expected.keys() & unfinished_videos(folder.manifest))
    parts = {
        label: f"{len(videos) - len(missing)} of {len(videos)} videos"
        for label, missing in lacking.items()
        if missing
    }
    if parts and not allow_partial:
        raise DataError(
            "not all videos are predicted: "
            + ", ".join(f"{label} has {part}" for label, part in parts.items()),
            where=str(selection),
            remedy="complete the predictions, choose videos with --video, or pass --allow-partial "
            "to compare on those that all have",
        )
    common = [video for video in videos if not any(video.name in m for m in lacking.values())]
    if not common:
        raise DataError(
            "the predictions have no video in common",
            where=", ".join(str(folder.root) for folder in folders.values()),
            remedy="report on predictions of the same split",
        )
    return common, parts
