"""`vostool report`: an HTML page about one or more prediction folders of the same videos."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vostool.core.console import progress
from vostool.core.errors import DataError, UsageError
from vostool.core.output import Output
from vostool.core.types import Video
from vostool.datasets.selection import Selection
from vostool.predictions.comparison import Difference, ExpectedFrames, compare, refuse_unknown
from vostool.predictions.folder import PredictionFolder
from vostool.predictions.manifest import unfinished_videos
from vostool.reporting.entry import Entry, Scores
from vostool.reporting.frames import Pictures, frames_section, worst_section
from vostool.reporting.page import Best, Column, Page, Section, write_page
from vostool.reporting.sections import (
    objects_section,
    provenance_section,
    scores_section,
    time_section,
)
from vostool.scoring.ground_truth import has_ground_truth
from vostool.scoring.measure import Better
from vostool.scoring.report import EvaluationReport
from vostool.stages.score.evaluate import evaluate

log = logging.getLogger(__name__)

PAGE = "index.html"


@dataclass(frozen=True)
class ReportOptions:
    """How much is shown.

    Attributes:
        title: heading; made from the data set by default.
        videos: videos with frames and plots, those with the lowest scores first.
        frames: frames shown per video and prediction.
        worst: worst frames shown.
    """

    title: str = ""
    videos: int = 6
    frames: int = 6
    worst: int = 8

    def __post_init__(self) -> None:
        if min(self.videos, self.frames, self.worst) < 0:
            raise UsageError("numbers of videos and frames to show cannot be negative")


@dataclass(frozen=True)
class ReportResult:
    """Where the page is, and the scores per label (empty without ground truth)."""

    page: Path
    scores: dict[str, EvaluationReport]


def report(
    predictions: Sequence[Path | str],
    selection: Selection,
    output: Output,
    *,
    options: ReportOptions | None = None,
    allow_partial: bool = False,
) -> ReportResult:
    """Score predictions and write a page with tables, plots and overlays into a folder.

    The last prediction is the one whose worst frames are shown. Without public ground truth, the
    page shows frames only.

    Args:
        predictions: folders, or `LABEL=FOLDER`; labels are the folders' names by default.
        allow_partial: compare on the videos that all predictions have, and mark those that lack
            some, instead of refusing them.

    Raises:
        UsageError: no prediction, a label twice, unknown data set or split.
        DataError: predictions that do not fit the data set.
        OutputError: `output` is not empty and is not to be overwritten.
    """
    options = options or ReportOptions()
    places = label_folders(predictions)
    videos = selection.load()
    folders = {label: PredictionFolder(path) for label, path in places.items()}
    shown, parts = _compare(folders, videos, selection, allow_partial)
    scored = has_ground_truth(shown, selection.scoring_rule())
    if not scored:
        log.warning(f"{selection} has no complete ground truth here, so the page has no scores")
    common = replace(selection, videos=tuple(video.name for video in shown))
    found = {label: evaluate(path, common) for label, path in places.items()} if scored else {}
    entries = [
        Entry(label, folder, _scores(found[label]) if scored else None, parts.get(label, ""))
        for label, folder in folders.items()
    ]
    inputs = [*places.values(), *selection.inputs(shown)]
    with output.owned(inputs):
        out = output.claim_folder(inputs)
        # While pictures are drawn, an earlier page would show them under its own scores.
        (out / PAGE).unlink(missing_ok=True)
        sections = _sections(entries, shown, out, options)
        title = options.title or str(selection)
        count = f"{len(shown)} of {len(videos)}" if parts else str(len(shown))
        subtitle = f"{len(entries)} predictions of {count} videos, data set {selection}"
        write_page(out / PAGE, Page(title, subtitle, sections))
    return ReportResult(out / PAGE, found)


def _sections(
    entries: list[Entry],
    videos: list[Video],
    out: Path,
    options: ReportOptions,
) -> list[Section]:
    pictures, last = Pictures(out), entries[-1]
    chosen = _lowest(last.scores, videos, options.videos)
    sections: list[Section] = []
    with progress("drawing the report", 5, "sections") as bar:
        if last.scores is not None:
            sections.append(scores_section(entries))
            sections.append(time_section(entries, [video.name for video in chosen]))
            bar.advance(2)
        sections.append(frames_section(entries, chosen, pictures, options.frames))
        bar.advance()
        if last.scores is not None:
            by_name = {video.name: video for video in videos}
            sections.append(worst_section(last, len(entries) - 1, by_name, pictures, options.worst))
            sections.append(objects_section(entries))
            bar.advance(2)
    return [*sections, provenance_section(entries)]


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


def _compare(
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


def _scores(report: EvaluationReport) -> Scores:
    """What the page shows of an evaluation."""
    summary = report.summary
    columns = [
        Column(column.name, Best.LOWEST if column.better is Better.LOWER else Best.HIGHEST)
        for column in report.measure.columns
    ]
    return Scores(columns, summary.figures, summary.notes, report.objects)


def _lowest(scores: Scores | None, videos: list[Video], count: int) -> list[Video]:
    """The videos with the lowest mean score, lowest first; the first ones without scores."""
    if scores is None:
        return videos[:count]

    def mean(video: Video) -> float:
        values = [
            float(np.mean(item.per_frame))
            for item in scores.objects
            if item.video == video.name and item.frames
        ]
        return float(np.mean(values)) if values else float("inf")

    return sorted(videos, key=mean)[:count]
