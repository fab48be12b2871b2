"""VOST (Tokmakov et al., arXiv 2212.06200): J alone, and J over the last quarter of the video.

F is left out because the contours of things that fall apart say little. The last quarter, after
most transformations, begins at position floor(0.75 n) of the n frames that count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vostool.core.types import Video
from vostool.datasets.spec import ScoringRule
from vostool.scoring.compared import ComparedFrames
from vostool.scoring.measure import (
    Better,
    Column,
    FrameValues,
    Measure,
    ObjectScores,
    Summary,
    scored_only,
)
from vostool.scoring.measures.davis import MEASURE as DAVIS
from vostool.scoring.statistics import Statistics

LAST_PART = 0.75


def _columns(letter: str, what: str) -> tuple[Column, ...]:
    return (
        Column(f"{letter}-Mean", f"{what}, mean over frames"),
        Column(f"{letter}-Recall", f"{what}, part of the frames above 0.5"),
        Column(f"{letter}-Decay", f"{what}, first quarter less last", Better.LOWER),
        Column(f"{letter}-Decay-corrected", "without the official overflow", Better.LOWER),
    )


class Vost(Measure):
    """Means over objects; objects without counted frames are left out."""

    title = "VOST: J over the whole video and over its last quarter"
    source = "VOST fe27457, figures equal to it; its decay overflows as DAVIS's does"
    columns = (*_columns("J", "J"), *_columns("J_last", "J of the last quarter"))
    object_columns = columns

    def score_frames(self, frames: ComparedFrames) -> FrameValues:
        return FrameValues({"J": frames.j})

    def object_figures(self, item: ObjectScores, rule: ScoringRule) -> dict[str, Any]:
        return self._figures(*_both(item))

    def summarise(self, objects: Sequence[ObjectScores], rule: ScoringRule) -> Summary:
        scored, notes = scored_only(objects)
        both = [_both(item) for item in scored]
        whole = Statistics.average([pair[0] for pair in both])
        last = Statistics.average([pair[1] for pair in both])
        return Summary(self._figures(whole, last), tuple(notes))

    def data_notes(
        self, videos: Sequence[Video], predicted: Mapping[str, frozenset[str]]
    ) -> list[str]:
        return DAVIS.data_notes(videos, predicted)

    def _figures(self, whole: Statistics, last: Statistics) -> dict[str, Any]:
        values = [
            value
            for part in (whole, last)
            for value in (part.mean, part.recall, part.decay, part.decay_corrected)
        ]
        return {column.name: value for column, value in zip(self.columns, values, strict=True)}


def _both(item: ObjectScores) -> tuple[Statistics, Statistics]:
    scores = item.shown["J"]
    return Statistics.of(scores), Statistics.of(scores[int(LAST_PART * len(scores)) :])


MEASURE = Vost()
