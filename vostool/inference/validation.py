"""Scores a network on held-out videos, in memory, as infer and evaluate would."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import nn

from vostool.core.console import Advance, progress
from vostool.core.errors import DataError
from vostool.core.types import ProposalSource, Video
from vostool.datasets.catalogue import annotation
from vostool.datasets.spec import ScoringRule
from vostool.inference.engine import Member
from vostool.inference.files import VideoSource
from vostool.inference.prepare import prepare
from vostool.inference.propagation_options import PropagationOptions
from vostool.inference.run import Propagation, Request, Run
from vostool.inference.wrappers.proposals import WithDetector
from vostool.models import Segmenter
from vostool.scoring.evaluate import counted_frames, score_video
from vostool.scoring.measure import Measure, ObjectScores, load_measure


@dataclasses.dataclass(frozen=True)
class Validation:
    """Held-out videos and how they are scored.

    Attributes:
        videos: with annotations.
        rule: which frames count and how they are summed up.
        options: how networks are run over them.
        max_frames: score the first frames only.
        proposals: of the videos' frames, for networks that ask for them.
    """

    videos: Sequence[Video]
    rule: ScoringRule
    options: PropagationOptions = dataclasses.field(default_factory=PropagationOptions)
    max_frames: int | None = None
    proposals: ProposalSource | None = None

    def score(self, model: nn.Module, dtype: torch.dtype | None = None) -> dict[str, float]:
        """Figures in [0, 1] by their usual names, the one that ranks first.

        Args:
            model: is copied, not changed; runs on the device where it is.
            dtype: for autocast, None for fp32.

        Raises:
            DataError: a video cannot be read, or none has a frame that counts.
        """
        device = next(model.parameters()).device
        ready = cast(Segmenter, prepare(model, device))
        run: Run = Propagation((Member(ready),), self.options, dtype)
        if self.proposals is not None:
            run = WithDetector(run, self.proposals)
        videos = [first_frames(video, self.max_frames) for video in self.videos]
        objects: list[ObjectScores] = []
        measure = load_measure(self.rule.measure)
        total = sum(len(video.frames) for video in videos)
        with progress("validation", total, "frames") as bar:
            for video in videos:
                objects += _score_video(video, run, measure, self.rule, bar)
        figures = measure.summarise(objects, self.rule).figures
        if math.isnan(next(iter(figures.values()))):
            raise DataError(
                "the validation videos have no annotated frame that counts",
                remedy="hold out other videos, or raise validation.max_frames",
            )
        return {name: value for name, value in figures.items() if not math.isnan(value)}


def first_frames(video: Video, count: int | None) -> Video:
    """The beginning of a video, with the objects that appear in it."""
    if count is None or count >= len(video.frames):
        return video
    frames = video.frames[:count]
    names = {frame.name for frame in frames}
    return dataclasses.replace(
        video,
        frames=frames,
        objects=tuple(item for item in video.objects if item.first_frame in names),
        output_frames=tuple(name for name in video.output_frames if name in names),
    )


def _score_video(
    video: Video,
    run: Run,
    measure: Measure,
    rule: ScoringRule,
    progress: Advance,
) -> list[ObjectScores]:
    counted = {name: ids for name, ids in counted_frames(video, rule).items() if ids}
    frames = []
    for result in run(VideoSource(video, counted), Request()):
        truth = annotation(video, result.name)
        assert truth is not None
        frames.append((result.name, result.mask, truth))
    progress.advance(len(video.frames), video.name)
    return score_video(measure, video, counted, frames)
