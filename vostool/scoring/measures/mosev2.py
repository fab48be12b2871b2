"""MOSEv2 (Ding et al., arXiv 2508.05630): J that forgives specks, F that knows an object's size,
and what happens when objects vanish and come back.

With I and U the pixels of intersection and union in a frame, J is (I + 1) / (U + 1), and 1 where
both masks are empty. F_new is DAVIS's F with a radius that grows with the root of the true area up
to DAVIS's; F is DAVIS's for objects below that limit and F_new above it, where the disk's radius is
not rounded. Read from the scorer MOSE-api 241977a; the figures equal it. Not verified: whether the
published meta file lists the objects of each video.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from vostool.datasets.spec import ScoringRule
from vostool.scoring.compared import ComparedFrames
from vostool.scoring.disk import TOLERANCE, Disk, fractional_disk
from vostool.scoring.jaccard import similarity_of_areas
from vostool.scoring.measure import (
    Column,
    FrameValues,
    Measure,
    ObjectScores,
    Summary,
    mean_or_nan,
    object_names,
)
from vostool.scoring.segments import segment_means

AREA_FACTOR = 0.1
"""The adaptive radius is this part of the root of an object's area in pixels."""
ADDED_PIXELS = 1.0
"""Added to intersection and union."""


class Mosev2(Measure):
    """Means over all objects; those without a frame that counts score 0."""

    title = "MOSEv2: smoothed J, adaptive F, disappearance and reappearance"
    source = "MOSE-api 241977a, figures equal to it before it rounds to 0.01 per cent"
    columns = (
        Column("J&F_new", "mean of J and F_new"),
        Column("J", "smoothed region similarity"),
        Column("F_new", "boundary F with a tolerance that follows the object's size"),
        Column("disappear_J&F_new", "J and F_new while objects are away"),
        Column("reappear_J&F_new", "J and F_new after objects came back"),
        Column("F", "boundary F with the tolerance of DAVIS"),
        Column("J&F", "mean of J and F"),
    )
    object_columns = (
        *(c for c in columns if c.name in ("J&F_new", "J", "F_new", "F")),
        Column("disappear_J", "J while the object is away"),
        Column("disappear_F_new", "F_new while the object is away"),
        Column("reappear_J", "J after the object came back"),
        Column("reappear_F_new", "F_new after the object came back"),
    )

    def score_frames(self, frames: ComparedFrames) -> FrameValues:
        areas = frames.areas
        smoothed = similarity_of_areas(areas.predicted, areas.truth, areas.both, ADDED_PIXELS)
        adaptive = frames.boundary_f(_adaptive)
        plain = frames.boundary_f(_whole_for_small)
        plain = np.where(np.isnan(plain), adaptive, plain)
        shown = {"J": smoothed, "F_new": adaptive}
        return FrameValues(shown, {"F": plain, "absent": areas.truth == 0})

    def object_figures(self, item: ObjectScores, rule: ScoringRule) -> dict[str, Any]:
        j, f_new, f = item.shown["J"], item.shown["F_new"], item.extras["F"]
        if not item.frames:
            nothing = dict.fromkeys((c.name for c in self.object_columns), 0.0)
            return nothing | {name: math.nan for name in nothing if "appear" in name}
        away_j, back_j = segment_means(j, item.extras["absent"])
        away_f, back_f = segment_means(f_new, item.extras["absent"])
        means = float(j.mean()), float(f_new.mean()), float(f.mean())
        values = ((means[0] + means[1]) / 2, *means, away_j, away_f, back_j, back_f)
        return {c.name: value for c, value in zip(self.object_columns, values, strict=True)}

    def summarise(self, objects: Sequence[ObjectScores], rule: ScoringRule) -> Summary:
        rows = [self.object_figures(item, rule) for item in objects]
        mean = {
            column.name: mean_or_nan(
                [r[column.name] for r in rows if not math.isnan(r[column.name])]
            )
            for column in self.object_columns
        }
        values = (
            (mean["J"] + mean["F_new"]) / 2,
            mean["J"],
            mean["F_new"],
            (mean["disappear_J"] + mean["disappear_F_new"]) / 2,
            (mean["reappear_J"] + mean["reappear_F_new"]) / 2,
            mean["F"],
            (mean["J"] + mean["F"]) / 2,
        )
        figures = {c.name: value for c, value in zip(self.columns, values, strict=True)}
        short = [item for item in objects if not item.frames]
        note = f"without a frame that counts, scored 0 as officially: {object_names(short)}"
        return Summary(figures, (note,) if short else ())


def _radii(size: tuple[int, int], areas: np.ndarray) -> tuple[float, np.ndarray]:
    """DAVIS's radius before rounding, and the adaptive ones float64 `[T, N]`."""
    limit = TOLERANCE * math.hypot(*size)
    grown = np.ceil(AREA_FACTOR * np.sqrt(areas))
    return limit, np.where(areas > 0, np.minimum(limit, grown), limit)


def _adaptive(size: tuple[int, int], areas: np.ndarray) -> list[tuple[Disk, np.ndarray]]:
    _, radii = _radii(size, areas)
    return [(fractional_disk(float(r)), radii == r) for r in np.unique(radii)]


def _whole_for_small(size: tuple[int, int], areas: np.ndarray) -> list[tuple[Disk, np.ndarray]]:
    """DAVIS's disk where the adaptive radius is smaller; nothing elsewhere."""
    limit, radii = _radii(size, areas)
    return [(fractional_disk(float(math.ceil(limit))), radii < limit)]


MEASURE = Mosev2()
