"""HOTA (Luiten et al., arXiv 2009.07736), class by class, as BURST's exemplar-guided task uses it.

A predicted track has the class of the true track of the same id. Per class and video, predicted
and true masks of a frame are matched one to one so that the sum of IoU times the tracks' alignment
is largest, and pairs with an IoU of at least alpha are kept, for 19 values of alpha. DetA says how
many masks are found, AssA how well the found ones keep their tracks; HOTA is the root of their
product, averaged over alpha, then over classes. Categories are read from what the data set calls
them, `NUMBER:NAME`. BURST's average precision is not computed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

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
)

ALPHAS = np.arange(1, 20) * 0.05
TINY = np.finfo(np.float64).eps
"""By how much an IoU may miss alpha, because sums of areas are exact but quotients are not."""

_COMMON = """
    4 13 34 35 36 41 45 58 60 78 79 81 91 95 99 118 126 133 139 154 174 185 211 221 229 235 237 276
    299 347 371 382 392 428 429 452 475 480 502 544 579 621 625 642 699 714 717 729 747 779 805 829
    852 896 926 937 961 979 980 982 993 1001 1018 1038 1057 1091 1097 1099 1115 1117 1122 1132 1135
    1144 1155 1162 1215 1229
"""
_DISTRACTORS = """
    20 63 108 180 188 204 212 247 303 403 407 415 490 504 507 513 529 567 569 588 672 691 702 708
    711 720 736 737 798 813 815 827 831 851 877 883 912 971 976 1130 1133 1134 1169 1184 1220
"""

COMMON = frozenset(map(int, _COMMON.split()))
"""Categories that COCO has, too (BURST c143198)."""

DISTRACTORS = frozenset(map(int, _DISTRACTORS.split()))
"""Categories that are not scored (BURST c143198)."""


class Hota(Measure):
    """Means over classes, of common, of uncommon and of all."""

    title = "HOTA over classes"
    source = "BURST c143198 (its trackeval), figures equal to it; AP is not computed"
    columns = (
        Column("HOTA", "mean over all classes"),
        Column("HOTA-common", "mean over the classes that COCO has, too"),
        Column("HOTA-uncommon", "mean over the other classes"),
        Column("DetA", "detection, mean over all classes"),
        Column("AssA", "association, mean over all classes"),
    )
    object_columns = (Column("J-Mean", "IoU, mean over the frames where either mask is"),)

    def misfit(self, videos: Sequence[Video], rule: ScoringRule) -> str | None:
        lacking = [
            f"{video.name} object {item.id}"
            for video in videos
            for item in video.objects
            if _number(item.category) is None
        ]
        return f"{lacking[0]} has no category with a number" if lacking else None

    def score_frames(self, frames: ComparedFrames) -> FrameValues:
        areas = frames.areas
        return FrameValues(
            {"J": frames.j},
            {"overlap": frames.overlaps, "predicted": areas.predicted, "true": areas.truth},
        )

    def object_figures(self, item: ObjectScores, rule: ScoringRule) -> dict[str, Any]:
        there = (item.extras["predicted"] > 0) | (item.extras["true"] > 0)
        return {"J-Mean": mean_or_nan(item.shown["J"][there])}

    def summarise(self, objects: Sequence[ObjectScores], rule: ScoringRule) -> Summary:
        groups: dict[int, dict[str, list[ObjectScores]]] = defaultdict(lambda: defaultdict(list))
        left_out = 0
        for item in objects:
            number = _number(item.category)
            if number is None or number in DISTRACTORS:
                left_out += 1
            else:
                groups[number][item.video].append(item)
        classes = {number: _class_scores(videos) for number, videos in groups.items()}
        rows = {number: _Figures.of(counts) for number, counts in sorted(classes.items())}

        def mean(name: str, numbers: Sequence[int]) -> float:
            return mean_or_nan([getattr(rows[number], name) for number in numbers])

        every = list(rows)
        figures = {
            "HOTA": mean("hota", every),
            "HOTA-common": mean("hota", [number for number in every if number in COMMON]),
            "HOTA-uncommon": mean("hota", [number for number in every if number not in COMMON]),
            "DetA": mean("det", every),
            "AssA": mean("ass", every),
        }
        note = f"{left_out} tracks of distractor categories, or of none, are not scored"
        return Summary(figures, (note,) if left_out else ())


def _number(category: str | None) -> int | None:
    """The number at the beginning of a category."""
    text = (category or "").split(":")[0]
    return int(text) if text.isdecimal() else None


@dataclass(frozen=True)
class _Counts:
    """Sums over videos, float64 `[19]` each, one per alpha.

    Attributes:
        found, missed, wrong: true positives, false negatives, false positives.
        association: AssA times `found`.
    """

    found: np.ndarray
    missed: np.ndarray
    wrong: np.ndarray
    association: np.ndarray


@dataclass(frozen=True)
class _Figures:
    """Means over alpha."""

    hota: float
    det: float
    ass: float

    @classmethod
    def of(cls, counts: _Counts) -> _Figures:
        det = counts.found / np.maximum(1, counts.found + counts.missed + counts.wrong)
        ass = counts.association / np.maximum(1, counts.found)
        return cls(float(np.sqrt(det * ass).mean()), float(det.mean()), float(ass.mean()))


def _class_scores(videos: dict[str, list[ObjectScores]]) -> _Counts:
    parts = [_video_counts(objects) for objects in videos.values()]
    names = ("found", "missed", "wrong", "association")
    return _Counts(*(np.sum([getattr(part, name) for part in parts], axis=0) for name in names))


def _video_counts(objects: list[ObjectScores]) -> _Counts:
    """Of the N tracks of one class in one video, T frames."""
    rows = [item.row for item in objects]
    overlap = np.stack([item.extras["overlap"][:, rows] for item in objects], axis=1)  # [T, N, N]
    true = np.stack([item.extras["true"] for item in objects], axis=1)  # [T, N]
    predicted = np.stack([item.extras["predicted"] for item in objects], axis=1)
    either = true[:, :, None] + predicted[:, None, :] - overlap
    similarity = np.divide(overlap, either, out=np.zeros_like(overlap), where=either > 0)
    true_count, predicted_count = (true > 0).sum(0), (predicted > 0).sum(0)  # [N]
    alignment = _alignment(similarity, true_count, predicted_count)
    kept = np.zeros((len(ALPHAS), *alignment.shape))  # frames in which a pair is kept
    for frame in similarity:
        these, those = linear_sum_assignment(-(alignment * frame))
        for one, other in zip(these, those, strict=True):
            kept[:, one, other] += frame[one, other] >= ALPHAS - TINY
    found = kept.sum((1, 2))
    pairs = kept / np.maximum(1, true_count[:, None] + predicted_count[None, :] - kept)
    return _Counts(
        found=found,
        missed=true_count.sum() - found,
        wrong=predicted_count.sum() - found,
        association=(kept * pairs).sum((1, 2)),
    )


def _alignment(
    similarity: np.ndarray, true_count: np.ndarray, predicted_count: np.ndarray
) -> np.ndarray:
    """How well two tracks lie over each other in the whole video, float64 `[N, N]`."""
    rows, columns = similarity.sum(2, keepdims=True), similarity.sum(1, keepdims=True)
    total = rows + columns - similarity
    shares = np.divide(similarity, total, out=np.zeros_like(total), where=total > TINY)
    matches = shares.sum(0)
    return matches / np.maximum(TINY, true_count[:, None] + predicted_count[None, :] - matches)


MEASURE = Hota()
