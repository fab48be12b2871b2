"""Score a prediction folder against a data set's ground truth."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

from vostool.core.cores import available_cores
from vostool.core.errors import UsageError
from vostool.core.files import write_json, write_text
from vostool.core.output import refuse_replacing
from vostool.core.types import Video
from vostool.datasets.selection import Selection
from vostool.datasets.spec import ScoringRule
from vostool.media.masks import NotBinaryError
from vostool.predictions.comparison import Difference, ExpectedFrames, compare
from vostool.predictions.folder import PredictionFolder
from vostool.scoring.folder_pairs import EXTRA_IDS
from vostool.scoring.folder_scores import NOT_BINARY, FolderScorer, ScoringPlan
from vostool.scoring.ground_truth import require_ground_truth
from vostool.scoring.measure import Measure, load_measure
from vostool.scoring.problems import Problems
from vostool.scoring.report import EvaluationReport

PLAIN, PLAIN_SPLIT = "masks", "all"
"""The data set that is a folder of masks and nothing else."""
EXTRA = (Difference.UNKNOWN_VIDEO.value, Difference.UNKNOWN_FRAMES.value, EXTRA_IDS)


def evaluate(
    predictions: Path,
    selection: Selection,
    *,
    measure: str | None = None,
    count_first: bool = False,
    allow_extra: bool = False,
    jobs: int | None = None,
    json: Path | None = None,
    csv: Path | None = None,
) -> EvaluationReport:
    """Score predicted masks with the data set's measure or another.

    Args:
        predictions: prediction folder, or a folder `VIDEO/FRAME.png` of any tool.
        selection: the videos to score, with ground truth.
        measure: name of a measure; by default the one the data set is reported with.
        count_first: count the frame in which an object's mask is given, too.
        allow_extra: overlook unknown videos, frames and ids (as background), with a note.
        jobs: threads; by default one per processor.
        json, csv: files to write.

    Raises:
        UsageError: unknown data set, split, video or measure; a measure that does not fit the data
            set; `count_first` where the data set lists the frames that count; `jobs` below 1; a
            file to write that is one of those read.
        DataError: predictions are missing, damaged, or do not fit the ground truth (all such
            problems at once); or the split has no public ground truth.
    """
    for file in (json, csv):
        if file is not None:
            refuse_replacing(file, [predictions, selection.root])
    everything = selection.whole().load()
    chosen = selection.pick(everything)
    rule = selection.scoring_rule()
    rule = _with_first(rule, chosen, count_first)
    used = _fitting_measure(measure or rule.measure, chosen, rule)
    require_ground_truth(chosen, rule, selection)
    folder, problems = PredictionFolder(predictions), Problems()
    folder.require_finished({video.name for video in chosen})
    problems.extend(_structure(folder, chosen, {video.name for video in everything}))
    scorer = FolderScorer(folder, used, _thread_count(jobs))
    objects = scorer.score([ScoringPlan.of(video, rule) for video in chosen], problems)
    overlooked = problems.take(EXTRA) if allow_extra else []
    problems.raise_if_any(folder.root, "the predictions do not fit the data set", _remedy(problems))
    predicted = {video.name: frozenset(folder.frames(video.name)) for video in chosen}
    report = EvaluationReport(
        dataset=selection.dataset,
        split=selection.split,
        predictions=str(predictions),
        rule=rule,
        measure_name=measure or rule.measure,
        measure=used,
        objects=tuple(objects),
        notes=(*used.data_notes(chosen, predicted), *(f"overlooked: {x}" for x in overlooked)),
    )
    if json is not None:
        write_json(json, report.as_json())
    if csv is not None:
        write_text(csv, report.as_csv())
    return report


def plain_masks(truth: Path, videos: Sequence[str] = ()) -> Selection:
    """A folder of true masks `VIDEO/FRAME.png` alone, as what predictions are scored against."""
    return Selection(PLAIN, truth, PLAIN_SPLIT, tuple(videos))


def _with_first(rule: ScoringRule, videos: list[Video], count_first: bool) -> ScoringRule:
    if not count_first:
        return rule
    if any(item.scored is not None for video in videos for item in video.objects):
        raise UsageError(
            "this data set lists the frames in which each object counts",
            remedy="leave out --count-first",
        )
    return dataclasses.replace(rule, skip_first=False)


def _fitting_measure(name: str, videos: list[Video], rule: ScoringRule) -> Measure:
    measure = load_measure(name)
    reason = measure.misfit(videos, rule)
    if reason is not None:
        raise UsageError(
            f"the measure {name} does not fit this data set: {reason}",
            remedy=f"leave out --measure for the data set's own ({rule.measure}), or name another",
        )
    return measure


def _thread_count(jobs: int | None) -> int:
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs must be at least 1, got {jobs}")
    return available_cores() if jobs is None else jobs


def _structure(
    folder: PredictionFolder, videos: list[Video], known: set[str]
) -> Iterable[tuple[str, str]]:
    """Videos and frames that are missing or unknown."""
    expected = {video.name: ExpectedFrames.of(video) for video in videos}
    for found in compare(folder, expected, known):
        for place in found.places():
            yield found.difference.value, place


def _remedy(problems: Problems) -> str:
    if NOT_BINARY in problems.places:
        return NotBinaryError.remedy
    if set(problems.places) <= set(EXTRA):
        return "check --dataset and --split, or pass --allow-extra to overlook what is unknown"
    return "complete the predictions (vostool infer --resume), or check --dataset and --split"
