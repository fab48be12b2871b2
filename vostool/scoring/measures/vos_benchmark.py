"""vos-benchmark (Ho Kei Cheng), with which SA-V is reported: J and F from an object's first sight.

Each object is scored alone, with DAVIS's J and F; the frames that count begin where it is first
seen in truth or prediction. Later frames in which both masks are empty score 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from vostool.datasets.spec import ScoringRule
from vostool.scoring.compared import ComparedFrames
from vostool.scoring.measure import (
    Column,
    FrameValues,
    Measure,
    ObjectScores,
    Summary,
    mean_or_nan,
    object_names,
    scored_only,
)

COLUMNS = (
    Column("J&F", "mean of J and F"),
    Column("J", "region similarity from an object's first sight on"),
    Column("F", "boundary F from an object's first sight on"),
)


class VosBenchmark(Measure):
    """Means over all objects."""

    title = "vos-benchmark: J and F from an object's first sight on"
    source = "sam2 2b90b9f (sav_dataset, vos-benchmark), figures equal to it"
    columns = COLUMNS
    object_columns = COLUMNS

    def score_frames(self, frames: ComparedFrames) -> FrameValues:
        areas = frames.areas
        seen = (areas.predicted > 0) | (areas.truth > 0)
        return FrameValues({"J": frames.j, "F": frames.f}, {"seen": seen, "true": areas.truth > 0})

    def object_figures(self, item: ObjectScores, rule: ScoringRule) -> dict[str, Any]:
        counts = np.logical_or.accumulate(item.extras["seen"])
        j, f = (mean_or_nan(item.shown[letter][counts]) for letter in ("J", "F"))
        return {"J&F": (j + f) / 2, "J": j, "F": f}

    def summarise(self, objects: Sequence[ObjectScores], rule: ScoringRule) -> Summary:
        scored, notes = scored_only(objects)
        gone = [item for item in scored if not item.extras["true"].any()]
        if gone:
            notes.append(
                "absent from the truth of every frame that counts, on which the official code "
                f"aborts, and left out of all means: {object_names(gone)}"
            )
        rows = [self.object_figures(item, rule) for item in scored if item.extras["true"].any()]
        j, f = (mean_or_nan([row[letter] for row in rows]) for letter in ("J", "F"))
        return Summary({"J&F": (j + f) / 2, "J": j, "F": f}, tuple(notes))


MEASURE = VosBenchmark()
