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
from vostool.core.types import Video
from vostool.datasets.catalogue import annotation
from vostool.datasets.spec import ScoringRule
from vostool.inference.engine import InferenceOptions, Member, run_video
from vostool.inference.files import VideoSource
from vostool.inference.prepare import prepare
from vostool.inference.strategy import parse_strategy
from vostool.models import Segmenter
from vostool.scoring.evaluate import counted_frames, score_video
from vostool.scoring.measure import Measure, ObjectScores, load_measure


@dataclasses.dataclass(frozen=True)
class Validation:
    """Held-out videos and how they are scored.

    Attributes:
        videos: with annotations.
        rule: which frames count and how they are summed up.
        memory: memory strategy, such as "every:5".
        max_frames: score the first frames only.
        short_side: of the frames that the network sees, None for their own.
    """

    videos: Sequence[Video]
    rule: ScoringRule
    memory: str = "every:5"
    max_frames: int | None = None
    short_side: int | None = None

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
        member = Member(ready, (parse_strategy(self.memory),))
        videos = [first_frames(video, self.max_frames) for video in self.videos]
        objects: list[ObjectScores] = []
        measure = load_measure(self.rule.measure)
        options = InferenceOptions(dtype=dtype, short_side=self.short_side)
        total = sum(len(video.frames) for video in videos)
        with progress("validation", total, "frames") as bar:
            for video in videos:
                objects += _score_video(video, member, options, measure, self.rule, bar)
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
    member: Member,
    options: InferenceOptions,
    measure: Measure,
    rule: ScoringRule,
    progress: Advance,
) -> list[ObjectScores]:
    counted = {name: ids for name, ids in counted_frames(video, rule).items() if ids}
    frames = []
    for result in run_video(VideoSource(video, counted), [member], options):
        truth = annotation(video, result.name)
        assert truth is not None
        frames.append((result.name, result.mask, truth))
    progress.advance(len(video.frames), video.name)
    return score_video(measure, video, counted, frames)
