"""Score a prediction folder against a data set's ground truth."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from vostool.core.console import progress
from vostool.core.cores import available_cores
from vostool.core.errors import DataError, UsageError
from vostool.core.files import write_json, write_text
from vostool.core.threads import ordered_map
from vostool.core.types import Frame, Video
from vostool.datasets.selection import Selection
from vostool.datasets.spec import ScoringRule
from vostool.media.images import frame_size
from vostool.media.masks import NotBinaryError, read_mask, read_predicted_mask
from vostool.predictions.comparison import Difference, ExpectedFrames, compare
from vostool.predictions.folder import PredictionFolder
from vostool.predictions.mask_fit import size_difference, unknown_ids
from vostool.scoring.compared import ComparedFrames
from vostool.scoring.evaluate import BATCH, ScoredPart, counted_frames, object_scores
from vostool.scoring.ground_truth import require_ground_truth
from vostool.scoring.mask_pair import MaskPair, Workspace
from vostool.scoring.measure import Measure, ObjectScores, load_measure
from vostool.scoring.problems import Problems
from vostool.scoring.report import EvaluationReport

EXTRA_IDS = "masks with unknown object ids"
NOT_BINARY = "masks of several objects or with grey levels"
EXTRA = (Difference.UNKNOWN_VIDEO.value, Difference.UNKNOWN_FRAMES.value, EXTRA_IDS)

_local = threading.local()


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
            set; `count_first` where the data set lists the frames that count; `jobs` below 1.
        DataError: predictions are missing, damaged, or do not fit the ground truth (all such
            problems at once); or the split has no public ground truth.
    """
    everything = selection.whole().load()
    chosen = selection.pick(everything)
    rule = selection.scoring_rule()
    rule = _with_first(rule, chosen, count_first)
    used = _fitting_measure(measure or rule.measure, chosen, rule)
    plans = [_Plan.of(video, rule) for video in chosen]
    require_ground_truth(chosen, rule, selection)
    folder, problems = PredictionFolder(predictions), Problems()
    problems.extend(_structure(folder, chosen, {video.name for video in everything}))
    objects = _score(folder, plans, used, problems, _thread_count(jobs))
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


@dataclass(frozen=True)
class _Plan:
    """What there is to do for one video."""

    video: Video
    ids: tuple[int, ...]
    counted: dict[str, frozenset[int]]
    """Ids that count in a frame; frames in which none counts are left out."""

    @classmethod
    def of(cls, video: Video, rule: ScoringRule) -> _Plan:
        counted = {name: ids for name, ids in counted_frames(video, rule).items() if ids}
        return cls(video, video.ids.values, counted)

    def frames(self) -> list[Frame]:
        """Frames to look at: those that count, and those that must be there."""
        wanted = set(self.counted) | set(self.video.output_frames)
        return [frame for frame in self.video.frames if frame.name in wanted]


@dataclass
class _Part:
    """Result of a few frames of one video."""

    scored: ScoredPart
    problems: list[tuple[str, str]]


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


def _score(
    folder: PredictionFolder, plans: list[_Plan], measure: Measure, problems: Problems, jobs: int
) -> list[ObjectScores]:
    """Score all frames that are there, in threads; problems are added to `problems`."""
    work = []
    for plan in plans:
        there = set(folder.frames(plan.video.name)) if plan.video.name in folder.videos() else set()
        frames = [frame for frame in plan.frames() if frame.name in there]
        work += [(plan, frames[i : i + BATCH]) for i in range(0, len(frames), BATCH)]
    parts: dict[str, list[ScoredPart]] = {plan.video.name: [] for plan in plans}
    scored = ordered_map(partial(_score_part, folder, measure), work, threads=jobs)
    with progress("scoring", sum(len(frames) for _, frames in work), "frame") as bar:
        for (plan, frames), part in zip(work, scored, strict=True):
            parts[plan.video.name].append(part.scored)
            problems.extend(part.problems)
            bar.advance(len(frames), plan.video.name)
    return [
        item
        for plan in plans
        for item in object_scores(plan.video, plan.counted, parts[plan.video.name])
    ]


def _score_part(
    folder: PredictionFolder, measure: Measure, task: tuple[_Plan, list[Frame]]
) -> _Part:
    plan, frames = task
    names: list[str] = []
    pairs: list[MaskPair] = []
    problems: list[tuple[str, str]] = []
    for frame in frames:
        try:
            pair = _read_pair(folder, plan, frame, problems)
        except NotBinaryError as error:
            problems.append((NOT_BINARY, f"{plan.video.name}/{frame.name}: {error.values}"))
            continue
        except DataError as error:
            problems.append(("unreadable masks", str(error)))
            continue
        if pair is not None:
            names.append(frame.name)
            pairs.append(pair)
    values = measure.score_frames(ComparedFrames(pairs, plan.ids))
    return _Part(ScoredPart(tuple(names), values), problems)


def _read_pair(
    folder: PredictionFolder, plan: _Plan, frame: Frame, problems: list[tuple[str, str]]
) -> MaskPair | None:
    """Compare a frame's masks; None where the frame does not count or its masks do not fit."""
    if not hasattr(_local, "workspace"):
        _local.workspace = Workspace()
    video = plan.video
    place = f"{video.name}/{frame.name}"
    predicted = read_predicted_mask(folder.mask_path(video.name, frame.name), video.encoding)
    counts = frame.name in plan.counted
    truth = read_mask(frame.annotation, video.encoding) if counts and frame.annotation else None
    size = truth.shape if truth is not None else frame_size(frame)
    difference = size_difference(predicted.shape, size)
    if difference is not None:
        problems.append(("masks of the wrong size", f"{place}: {difference}"))
        return None
    pair = MaskPair.of(predicted, predicted if truth is None else truth, _local.workspace)
    unknown = unknown_ids(pair.predicted_ids().tolist(), plan.ids)
    if unknown:
        problems.append((EXTRA_IDS, f"{place}: {', '.join(map(str, unknown))}"))
    return None if truth is None else pair


def _remedy(problems: Problems) -> str:
    if NOT_BINARY in problems.places:
        return NotBinaryError.remedy
    if set(problems.places) <= set(EXTRA):
        return "check --dataset and --split, or pass --allow-extra to overlook what is unknown"
    return "complete the predictions (vostool infer --resume), or check --dataset and --split"
