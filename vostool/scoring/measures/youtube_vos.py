"""YouTube-VOS (Xu et al., arXiv 1809.03327): G, means of J and F over seen, unseen categories.

The server's scorer is not public. Not verified: whether it counts the frame in which an object is
given; it is left out here by default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vostool.core.types import Video
from vostool.datasets.spec import ScoringRule
from vostool.scoring.compared import ComparedFrames
from vostool.scoring.measure import (
    Column,
    FrameValues,
    Measure,
    ObjectScores,
    Summary,
    mean_or_nan,
    scored_only,
)


class YoutubeVos(Measure):
    """Means over the objects of seen and of unseen categories."""

    title = "YouTube-VOS: G over seen and unseen categories"
    source = "arXiv 1809.03327; the official scorer is not public, its rules are not verified"
    columns = (
        Column("G", "mean of the next four"),
        Column("J-seen", "J over objects whose category training has"),
        Column("F-seen", "F over objects whose category training has"),
        Column("J-unseen", "J over objects of other categories"),
        Column("F-unseen", "F over objects of other categories"),
        Column("J&F-Mean", "mean of J-Mean and F-Mean"),
        Column("J-Mean", "J over all objects"),
        Column("F-Mean", "F over all objects"),
    )
    object_columns = (
        Column("seen", "whether training has the object's category"),
        Column("J&F-Mean", "mean of J-Mean and F-Mean"),
        Column("J-Mean", "J, mean over frames"),
        Column("F-Mean", "F, mean over frames"),
    )

    def score_frames(self, frames: ComparedFrames) -> FrameValues:
        return FrameValues({"J": frames.j, "F": frames.f})

    def object_figures(self, item: ObjectScores, rule: ScoringRule) -> dict[str, Any]:
        j, f = mean_or_nan(item.shown["J"]), mean_or_nan(item.shown["F"])
        seen = item.category not in rule.unseen
        return {"seen": seen, "J&F-Mean": (j + f) / 2, "J-Mean": j, "F-Mean": f}

    def summarise(self, objects: Sequence[ObjectScores], rule: ScoringRule) -> Summary:
        scored, notes = scored_only(objects)
        seen = [item for item in scored if item.category not in rule.unseen]
        unseen = [item for item in scored if item.category in rule.unseen]
        parts = {
            f"{letter}-{name}": _mean(group, letter)
            for name, group in (("seen", seen), ("unseen", unseen))
            for letter in ("J", "F")
        }
        known = [value for value in parts.values() if not np.isnan(value)]
        j, f = _mean(scored, "J"), _mean(scored, "F")
        figures = {"G": mean_or_nan(known), **parts}
        figures |= {"J&F-Mean": (j + f) / 2, "J-Mean": j, "F-Mean": f}
        return Summary(figures, (*notes, *_notes(scored, unseen, rule)))

    def data_notes(
        self, videos: Sequence[Video], predicted: Mapping[str, frozenset[str]]
    ) -> list[str]:
        if any(predicted[video.name] - set(video.output_frames) for video in videos):
            return [
                "the predictions hold frames between the annotated ones, so inference saw them; "
                "annotated frames alone are scored"
            ]
        return [
            "the predictions hold the annotated frames only; say whether inference saw those "
            "between them, because G differs by 0.2 to 1 point"
        ]


def _mean(objects: Sequence[ObjectScores], letter: str) -> float:
    return mean_or_nan([float(np.mean(item.shown[letter])) for item in objects])


def _notes(
    objects: Sequence[ObjectScores], unseen: Sequence[ObjectScores], rule: ScoringRule
) -> list[str]:
    unknown = sum(item.category is None for item in objects)
    notes = []
    if unknown:
        notes.append(
            f"{unknown} of {len(objects)} objects have no category and are reported as seen"
        )
    if not unseen:
        notes.append(
            "no object is of an unseen category, so that G is the mean of J-seen and F-seen and "
            "cannot be compared with a server's G"
        )
    first = "left out" if rule.skip_first else "counted"
    notes.append(
        f"each object's first annotated frame is {first}; the server does not say what it does"
    )
    return notes


MEASURE = YoutubeVos()
