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
from vostool.datasets.spec import ScoringRule
from vostool.predictions.folder import PredictionFolder
from vostool.reporting.page import Page, Section, write_page
from vostool.scoring.evaluate import counted_frames
from vostool.scoring.report import EvaluationReport
from vostool.stages.score._report_sections import (
    Entry,
    Pictures,
    frames_section,
    objects_section,
    provenance_section,
    scores_section,
    time_section,
    worst_section,
)
from vostool.stages.score.evaluate import evaluate
from vostool.stages.score.export_overlay import choose_videos

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
) -> ReportResult:
    """Score predictions and write a page with tables, plots and overlays into a folder.

    The last prediction is the one whose worst frames are shown. Without public ground truth, the
    page shows frames only.

    Args:
        predictions: folders, or `LABEL=FOLDER`; labels are the folders' names by default.

    Raises:
        UsageError: no prediction, a label twice, unknown data set or split.
        DataError: predictions that do not fit the data set.
        OutputError: `output` is not empty and is not to be overwritten.
    """
    options = options or ReportOptions()
    places = _label(predictions)
    videos = selection.load()
    folders = {label: PredictionFolder(path) for label, path in places.items()}
    shown = _common_videos(folders, videos)
    scored = _has_ground_truth(shown, selection.scoring_rule())
    if not scored:
        log.warning(f"{selection} has no complete ground truth here, so the page has no scores")
    common = replace(selection, videos=tuple(video.name for video in shown))
    entries = [
        Entry(
            label,
            folders[label],
            evaluate(path, common) if scored else None,
        )
        for label, path in places.items()
    ]
    out = output.claim_folder([*places.values(), *selection.inputs(shown)])
    sections = _sections(entries, shown, out, options)
    title = options.title or str(selection)
    subtitle = f"{len(entries)} predictions of {len(shown)} videos, data set {selection}"
    write_page(out / PAGE, Page(title, subtitle, sections))
    return ReportResult(
        out / PAGE, {entry.label: entry.scores for entry in entries if entry.scores is not None}
    )


def _sections(
    entries: list[Entry],
    videos: list[Video],
    out: Path,
    options: ReportOptions,
) -> list[Section]:
    pictures, last = Pictures(out), entries[-1]
    chosen = _lowest(last.scores, videos, options.videos)
    sections: list[Section] = []
    with progress("drawing the report", 5, "section") as bar:
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


def _label(predictions: Sequence[Path | str]) -> dict[str, Path]:
    """Label -> folder; the folder's name where it is unique, else its path."""
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


def _has_ground_truth(videos: list[Video], rule: ScoringRule) -> bool:
    """Whether every listed frame is annotated and some frame counts."""
    for video in videos:
        there = {frame.name for frame in video.frames if frame.annotation is not None}
        if not there.issuperset(name for item in video.objects for name in item.frames):
            return False
    return any(any(counted_frames(video, rule).values()) for video in videos)


def _common_videos(folders: dict[str, PredictionFolder], videos: list[Video]) -> list[Video]:
    """Videos that all folders hold.

    Raises:
        DataError: there is none, or a folder has videos or frames that the data set lacks.
    """
    for folder in folders.values():
        choose_videos(folder, videos, None)
    names = set.intersection(*(set(folder.videos()) for folder in folders.values()))
    if not names:
        raise DataError(
            "the predictions have no video in common",
            where=", ".join(str(folder.root) for folder in folders.values()),
            remedy="report on predictions of the same split",
        )
    return [video for video in videos if video.name in names]


def _lowest(scores: EvaluationReport | None, videos: list[Video], count: int) -> list[Video]:
    """The videos with the lowest mean J&F, lowest first; the first ones without scores."""
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
