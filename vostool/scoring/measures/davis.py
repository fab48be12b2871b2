"""DAVIS (Perazzi et al., CVPR 2016; Pont-Tuset et al., arXiv 1704.00675): J, F, recall, decay.

The tool vos-benchmark, which other projects quote, differs from the official code in that it takes
any integer as an id (255 too), counts an object from its first sight in truth or prediction, and
reports neither recall nor decay; that is the measure `vos-benchmark`.
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
    object_names,
    scored_only,
)
from vostool.scoring.statistics import Statistics, overflows

COLUMNS = (
    Column("J&F-Mean", "mean of J-Mean and F-Mean"),
    Column("J-Mean", "region similarity, mean over frames"),
    Column("J-Recall", "part of the frames with J above 0.5"),
    Column("J-Decay", "J of the first quarter less J of the last", Better.LOWER),
    Column("F-Mean", "boundary F, mean over frames"),
    Column("F-Recall", "part of the frames with F above 0.5"),
    Column("F-Decay", "F of the first quarter less F of the last", Better.LOWER),
    Column("J-Decay-corrected", "without the official code's overflow", Better.LOWER),
    Column("F-Decay-corrected", "without the official code's overflow", Better.LOWER),
)


class Davis(Measure):
    """Means over objects, not over videos; objects without counted frames are left out."""

    title = "DAVIS: J and F mean, recall, decay"
    source = "davis2017-evaluation (semi-supervised), figures equal to it"
    columns = COLUMNS
    object_columns = COLUMNS

    def score_frames(self, frames: ComparedFrames) -> FrameValues:
        return FrameValues({"J": frames.j, "F": frames.f})

    def object_figures(self, item: ObjectScores, rule: ScoringRule) -> dict[str, Any]:
        return _figures(Statistics.of(item.shown["J"]), Statistics.of(item.shown["F"]))

    def summarise(self, objects: Sequence[ObjectScores], rule: ScoringRule) -> Summary:
        scored, notes = scored_only(objects)
        j = Statistics.average([Statistics.of(item.shown["J"]) for item in scored])
        f = Statistics.average([Statistics.of(item.shown["F"]) for item in scored])
        long = [item for item in scored if overflows(len(item.frames))]
        if long:
            notes.append(
                "decay of videos with more than 256 scored frames is wrong or NaN in the official "
                f"code, which counts frames in eight bits; use the corrected one: "
                f"{object_names(long)}"
            )
        return Summary(_figures(j, f), tuple(notes))

    def data_notes(
        self, videos: Sequence[Video], predicted: Mapping[str, frozenset[str]]
    ) -> list[str]:
        gaps = [v.name for v in videos if v.objects and v.ids.values[-1] != len(v.objects)]
        if not gaps:
            return []
        return [
            "ids with gaps, for which the official code would score absent objects too: "
            + ", ".join(gaps[:5])
        ]


def _figures(j: Statistics, f: Statistics) -> dict[str, Any]:
    values = [(j.mean + f.mean) / 2, j.mean, j.recall, j.decay, f.mean, f.recall, f.decay]
    values += [j.decay_corrected, f.decay_corrected]
    return {column.name: value for column, value in zip(COLUMNS, values, strict=True)}


MEASURE = Davis()
