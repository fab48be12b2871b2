"""LVOS (Hong et al., arXiv 2211.10181, 2404.19326): J, F and V over seen and unseen videos.

V says how much an object's score varies along the video: the root of the variance of (J + F) / 2,
which the official code rounds to four decimals before it takes the root.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from vostool.datasets.spec import ScoringRule
from vostool.scoring.compared import ComparedFrames
from vostool.scoring.measure import (
    Better,
    Column,
    FrameValues,
    Measure,
    ObjectScores,
    Summary,
    mean_or_nan,
    scored_only,
)

GROUPS = ("seen", "unseen")
VARIANCE_DECIMALS = 4
LETTERS = {"J": "region similarity", "F": "boundary F", "V": "variation along the video"}


def _group_columns(letter: str) -> list[Column]:
    better = Better.LOWER if letter == "V" else Better.HIGHER
    what = LETTERS[letter]
    return [
        Column(f"{letter}-Mean", f"{what}, mean of seen and unseen", better),
        *(Column(f"{letter}-{group}-Mean", f"{what}, {group} videos", better) for group in GROUPS),
    ]


class Lvos(Measure):
    """Means over the objects of seen and of unseen videos, and the mean of both."""

    title = "LVOS: J, F and V over seen and unseen videos"
    source = "lvos-evaluation 25cb02d, figures equal to it; frames that lack in a range count as 0"
    columns = (
        Column("J&F-Mean", "mean of J and F over seen and over unseen videos"),
        *(column for letter in LETTERS for column in _group_columns(letter)),
    )
    object_columns = (
        Column("seen", "whether training has objects like those of the video"),
        Column("J-Mean", "J, mean over frames"),
        Column("F-Mean", "F, mean over frames"),
        Column("V", "deviation of (J + F) / 2 along the video", Better.LOWER),
    )

    def score_frames(self, frames: ComparedFrames) -> FrameValues:
        return FrameValues({"J": frames.j, "F": frames.f})

    def object_figures(self, item: ObjectScores, rule: ScoringRule) -> dict[str, Any]:
        j, f = _padded(item, "J"), _padded(item, "F")
        values = (not _is_unseen(item, rule), mean_or_nan(j), mean_or_nan(f), _variation(j, f))
        return {c.name: value for c, value in zip(self.object_columns, values, strict=True)}

    def summarise(self, objects: Sequence[ObjectScores], rule: ScoringRule) -> Summary:
        scored, notes = scored_only(objects)
        rows = [self.object_figures(item, rule) for item in scored]
        figures: dict[str, float] = {}
        for letter, key in (("J", "J-Mean"), ("F", "F-Mean"), ("V", "V")):
            means = {
                group: mean_or_nan([row[key] for row in rows if row["seen"] == (group == "seen")])
                for group in GROUPS
            }
            figures[f"{letter}-Mean"] = _mean_of_known(means.values())
            figures |= {f"{letter}-{group}-Mean": means[group] for group in GROUPS}
        empty = [g for g in GROUPS if math.isnan(figures[f"J-{g}-Mean"])]
        if empty:
            notes.append(
                f"no object of {' or '.join(empty)} videos is scored; means are over the others, "
                "where the official code has NaN"
            )
        ranking = (figures["J-Mean"] + figures["F-Mean"]) / 2
        return Summary({"J&F-Mean": ranking, **figures}, tuple(notes))


def _is_unseen(item: ObjectScores, rule: ScoringRule) -> bool:
    """By the data set's list of videos, or by the categories that an offline split holds out."""
    return item.video in rule.unseen_videos or item.category in rule.unseen


def _padded(item: ObjectScores, letter: str) -> np.ndarray:
    """Scores of the frames that count, and 0 for those that lack of the object's range."""
    scores = item.shown[letter]
    lacking = max((item.frame_count or 0) - len(scores), 0)
    return np.concatenate([scores, np.zeros(lacking)])


def _variation(j: np.ndarray, f: np.ndarray) -> float:
    if not len(j):
        return float("nan")
    scores = (j + f) / 2
    variance = float(np.mean((scores - scores.mean()) ** 2))
    return math.sqrt(round(variance, VARIANCE_DECIMALS))


def _mean_of_known(values: Iterable[float]) -> float:
    return mean_or_nan([value for value in values if not math.isnan(value)])


MEASURE = Lvos()
