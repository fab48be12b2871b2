"""`vostool report`: pages about one or more prediction folders of the same videos."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vostool.core.console import progress
from vostool.core.errors import UsageError
from vostool.core.output import Output
from vostool.core.types import Video
from vostool.datasets.selection import Selection
from vostool.predictions.folder import PredictionFolder
from vostool.reporting.differences import VideoChanges, compare_entries
from vostool.reporting.document import Contents, Limits, write_folder, write_single
from vostool.reporting.entry import Entry, Scores
from vostool.reporting.pictures import discard_report
from vostool.reporting.table import Best, Column
from vostool.scoring.ground_truth import has_ground_truth
from vostool.scoring.measure import Better
from vostool.scoring.report import EvaluationReport, is_repetition
from vostool.stages.score.comparing import common_videos, label_folders
from vostool.stages.score.evaluate import evaluate

log = logging.getLogger(__name__)

PAGE = "index.html"
SUFFIXES = (".html", ".htm")


@dataclass(frozen=True)
class ReportOptions:
    """How much is shown.

    Attributes:
        title: heading; made from the data set by default.
        videos: videos with a page, those with the lowest scores first.
        frames: frames shown per video, evenly chosen where it has more.
        worst: objects with a picture, those with the lowest scores first.
        single_file: one file with everything inside, at most `document.SINGLE_FILE_BYTES` large.
    """

    title: str = ""
    videos: int = 10
    frames: int = 120
    worst: int = 60
    single_file: bool = False

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
    """Score predictions, compare them with each other, and write pages to look at them.

    The last prediction is looked at closest: the others are compared with it, and the order goes
    by its scores. Without public ground truth, pages show masks and what changed only.

    Args:
        predictions: folders, or `LABEL=FOLDER`; labels are the folders' names by default.
        output: a folder; a file with `options.single_file`.
        allow_partial: compare on the videos that all predictions have, and mark those that lack
            some, instead of refusing them.

    Raises:
        UsageError: no prediction, a label twice, unknown data set or split; a single file that
            does not end in .html.
        DataError: predictions that do not fit the data set.
        OutputError: `output` is not empty and is not to be overwritten.
    """
    options = options or ReportOptions()
    if options.single_file and output.path.suffix.lower() not in SUFFIXES:
        raise UsageError(
            "a report in a single file needs a name that browsers know",
            where=output.path,
            remedy=f"end it in {SUFFIXES[0]}, or leave out --single-file for a folder",
        )
    places = label_folders(predictions)
    videos = selection.load()
    folders = {label: PredictionFolder(path) for label, path in places.items()}
    shown, parts = common_videos(folders, videos, selection, allow_partial)
    scored = has_ground_truth(shown, selection.scoring_rule())
    if not scored:
        log.warning(f"{selection} has no complete ground truth here, so the page has no scores")
    common = replace(selection, videos=tuple(video.name for video in shown))
    found = {label: evaluate(path, common) for label, path in places.items()} if scored else {}
    entries = [
        Entry(label, folder, _scores(found[label]) if scored else None, parts.get(label, ""))
        for label, folder in folders.items()
    ]
    title = options.title or str(selection)
    subtitle = _subtitle(len(entries), len(shown), len(videos), selection)
    limits = Limits(options.videos, options.frames, options.worst)
    inputs = [*places.values(), *selection.inputs(shown)]
    if options.single_file:
        page = output.claim_file("report", inputs)
        write_single(page, Contents(title, subtitle, entries, _changes(entries, shown)), limits)
        return ReportResult(page, found)
    with output.owned(inputs):
        out = output.claim_folder(inputs)
        # While pages are made, those of an earlier report would show what is no longer so.
        discard_report(out, PAGE)
        contents = Contents(title, subtitle, entries, _changes(entries, shown))
        write_folder(out / PAGE, contents, limits)
    return ReportResult(out / PAGE, found)


def _subtitle(predictions: int, shown: int, videos: int, selection: Selection) -> str:
    what = f"{predictions} prediction{'s' * (predictions != 1)}"
    of = f"{shown} of {videos} videos" if shown < videos else f"{videos} video{'s' * (videos != 1)}"
    return f"{what} of {of}, data set {selection}"


def _changes(
    entries: Sequence[Entry], videos: Sequence[Video]
) -> Mapping[str, tuple[Video, VideoChanges]]:
    """What changed between predictions, by video."""
    found = {}
    with progress("comparing", len(videos), "videos") as bar:
        for video, changes in compare_entries(entries, videos):
            found[video.name] = video, changes
            bar.advance(note=video.name)
    return found


def _scores(report: EvaluationReport) -> Scores:
    """What the page shows of an evaluation."""
    summary = report.summary
    columns = [
        Column(column.name, Best.LOWEST if column.better is Better.LOWER else Best.HIGHEST)
        for column in report.measure.columns
        if not is_repetition(column.name, summary.figures)
    ]
    return Scores(columns, summary.figures, summary.notes, report.objects)
