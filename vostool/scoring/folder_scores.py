"""From a prediction folder and annotations on disk to object scores, in threads."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from vostool.core.console import progress
from vostool.core.errors import DataError
from vostool.core.threads import ordered_map
from vostool.core.types import Frame, Video
from vostool.datasets.spec import ScoringRule
from vostool.media.images import frame_size
from vostool.media.masks import NotBinaryError, read_mask, read_predicted_mask
from vostool.predictions.folder import PredictionFolder
from vostool.predictions.mask_fit import size_difference, unknown_ids
from vostool.scoring.compared import ComparedFrames
from vostool.scoring.evaluate import BATCH, ScoredPart, counted_frames, object_scores
from vostool.scoring.mask_pair import MaskPair, Workspace
from vostool.scoring.measure import Measure, ObjectScores
from vostool.scoring.problems import Problems

EXTRA_IDS = "masks with unknown object ids"
NOT_BINARY = "masks of several objects or with grey levels"
WRONG_SIZE, UNREADABLE = "masks of the wrong size", "unreadable masks"


@dataclass(frozen=True)
class ScoringPlan:
    """What there is to do for one video.

    Attributes:
        counted: ids that count in a frame; frames in which none counts are left out.
    """

    video: Video
    counted: dict[str, frozenset[int]]

    @classmethod
    def of(cls, video: Video, rule: ScoringRule) -> ScoringPlan:
        """The plan that follows from a scoring rule."""
        counted = {name: ids for name, ids in counted_frames(video, rule).items() if ids}
        return cls(video, counted)

    def frames(self) -> list[Frame]:
        """Frames to look at: those that count, and those that must be there."""
        wanted = set(self.counted) | set(self.video.output_frames)
        return [frame for frame in self.video.frames if frame.name in wanted]


class FolderScorer:
    """Scores the masks of a prediction folder with a measure.

    Args:
        threads: how many read and compare masks at a time.
    """

    def __init__(self, folder: PredictionFolder, measure: Measure, threads: int):
        self._folder, self._measure, self._threads = folder, measure, threads
        self._local = threading.local()

    def score(self, plans: Sequence[ScoringPlan], problems: Problems) -> list[ObjectScores]:
        """Score all frames that are there; masks that do not fit are added to `problems`."""
        work = [part for plan in plans for part in self._parts(plan)]
        parts: dict[str, list[ScoredPart]] = {plan.video.name: [] for plan in plans}
        scored = ordered_map(self._score_part, work, threads=self._threads)
        with progress("scoring", sum(len(frames) for _, frames in work), "frame") as bar:
            for (plan, frames), (part, found) in zip(work, scored, strict=True):
                parts[plan.video.name].append(part)
                problems.extend(found)
                bar.advance(len(frames), plan.video.name)
        return [
            item
            for plan in plans
            for item in object_scores(plan.video, plan.counted, parts[plan.video.name])
        ]

    def _parts(self, plan: ScoringPlan) -> list[tuple[ScoringPlan, list[Frame]]]:
        name = plan.video.name
        there = set(self._folder.frames(name)) if name in self._folder.videos() else set()
        frames = [frame for frame in plan.frames() if frame.name in there]
        return [(plan, frames[start : start + BATCH]) for start in range(0, len(frames), BATCH)]

    def _score_part(
        self, task: tuple[ScoringPlan, list[Frame]]
    ) -> tuple[ScoredPart, list[tuple[str, str]]]:
        """Scores of a few frames of one video, and what is wrong with their masks."""
        plan, frames = task
        names: list[str] = []
        pairs: list[MaskPair] = []
        problems: list[tuple[str, str]] = []
        for frame in frames:
            try:
                pair = self._read_pair(plan, frame, problems)
            except NotBinaryError as error:
                problems.append((NOT_BINARY, f"{plan.video.name}/{frame.name}: {error.values}"))
                continue
            except DataError as error:
                problems.append((UNREADABLE, str(error)))
                continue
            if pair is not None:
                names.append(frame.name)
                pairs.append(pair)
        values = self._measure.score_frames(ComparedFrames(pairs, plan.video.ids.values))
        return ScoredPart(tuple(names), values), problems

    def _read_pair(
        self, plan: ScoringPlan, frame: Frame, problems: list[tuple[str, str]]
    ) -> MaskPair | None:
        """Compare a frame's masks; None where the frame does not count or its masks do not fit."""
        video = plan.video
        place = f"{video.name}/{frame.name}"
        path = self._folder.mask_path(video.name, frame.name)
        predicted = read_predicted_mask(path, video.encoding)
        counts = frame.name in plan.counted
        truth = read_mask(frame.annotation, video.encoding) if counts and frame.annotation else None
        size = truth.shape if truth is not None else frame_size(frame)
        difference = size_difference(predicted.shape, size)
        if difference is not None:
            problems.append((WRONG_SIZE, f"{place}: {difference}"))
            return None
        pair = MaskPair.of(predicted, predicted if truth is None else truth, self._workspace())
        unknown = unknown_ids(pair.predicted_ids().tolist(), video.ids)
        if unknown:
            problems.append((EXTRA_IDS, f"{place}: {', '.join(map(str, unknown))}"))
        return None if truth is None else pair

    def _workspace(self) -> Workspace:
        """Each thread's own."""
        if not hasattr(self._local, "workspace"):
            self._local.workspace = Workspace()
        workspace: Workspace = self._local.workspace
        return workspace
