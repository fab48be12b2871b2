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
from vostool.media.masks import NotBinaryError
from vostool.predictions.folder import PredictionFolder
from vostool.scoring.compared import ComparedFrames
from vostool.scoring.evaluate import BATCH, ScoredPart, counted_frames, object_scores
from vostool.scoring.folder_pairs import read_pair
from vostool.scoring.layered import LayeredPair
from vostool.scoring.mask_pair import MaskPair, Workspace
from vostool.scoring.measure import Measure, ObjectScores
from vostool.scoring.problems import Problems

NOT_BINARY = "masks of several objects or with grey levels"
UNREADABLE = "unreadable masks"


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
        with progress("scoring", sum(len(frames) for _, frames in work), "frames") as bar:
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
        pairs: list[MaskPair | LayeredPair] = []
        problems: list[tuple[str, str]] = []
        for frame in frames:
            try:
                counts = frame.name in plan.counted
                workspace = self._workspace()
                pair = read_pair(self._folder, plan.video, frame, counts, problems, workspace)
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

    def _workspace(self) -> Workspace:
        """Each thread's own."""
        if not hasattr(self._local, "workspace"):
            self._local.workspace = Workspace()
        workspace: Workspace = self._local.workspace
        return workspace
