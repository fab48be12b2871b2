"""From scores per object to the figures that a challenge reports.

The tool vos-benchmark, which other projects quote, differs from the official DAVIS code in that it
takes any integer as an id (255 too), counts an object from its first sight in truth or prediction,
and reports neither recall nor decay; its figures are not computed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vostool.datasets.spec import Measure, ScoringRule
from vostool.scoring.statistics import Statistics, overflows


@dataclass(frozen=True)
class ObjectScores:
    """Scores of one object.

    Attributes:
        video, id, category: which object; the category is None where unknown.
        frames: names of the T frames that count.
        j, f: float64 `[T]`.
    """

    video: str
    id: int
    category: str | None
    frames: tuple[str, ...]
    j: np.ndarray
    f: np.ndarray

    @property
    def j_statistics(self) -> Statistics:
        """Mean, recall and decay of J."""
        return Statistics.of(self.j)

    @property
    def f_statistics(self) -> Statistics:
        """Mean, recall and decay of F."""
        return Statistics.of(self.f)


@dataclass(frozen=True)
class Summary:
    """Figures over all objects, by their usual names, and what a reader must know about them.

    Attributes:
        figures: in [0, 1] (decays in [-1, 1]); the first is the one by which methods are ranked.
            NaN where a figure does not exist.
        notes: sentences.
    """

    figures: dict[str, float]
    notes: tuple[str, ...]


def summarise(objects: Sequence[ObjectScores], rule: ScoringRule) -> Summary:
    """Means over objects, not over videos; objects without counted frames are left out."""
    scored = [item for item in objects if item.frames]
    notes = []
    if len(scored) < len(objects):
        names = _names([item for item in objects if not item.frames])
        notes.append(f"without a frame that counts, left out of all means: {names}")
    if rule.measure is Measure.YOUTUBE_VOS:
        figures, more = _youtube_vos(scored, rule)
    else:
        figures, more = _davis(scored)
    return Summary(figures, (*notes, *more))


def davis_figures(j: Statistics, f: Statistics) -> dict[str, float]:
    """The official DAVIS figures, and the decays without the official code's overflow."""
    return {
        "J&F-Mean": (j.mean + f.mean) / 2,
        "J-Mean": j.mean,
        "J-Recall": j.recall,
        "J-Decay": j.decay,
        "F-Mean": f.mean,
        "F-Recall": f.recall,
        "F-Decay": f.decay,
        "J-Decay-corrected": j.decay_corrected,
        "F-Decay-corrected": f.decay_corrected,
    }


def _davis(objects: Sequence[ObjectScores]) -> tuple[dict[str, float], list[str]]:
    j = Statistics.average([item.j_statistics for item in objects])
    f = Statistics.average([item.f_statistics for item in objects])
    figures = davis_figures(j, f)
    long = [item for item in objects if overflows(len(item.frames))]
    notes = []
    if long:
        notes.append(
            "decay of videos with more than 256 scored frames is wrong or NaN in the official "
            f"code, which counts frames in eight bits; use the corrected one: {_names(long)}"
        )
    return figures, notes


def _youtube_vos(
    objects: Sequence[ObjectScores], rule: ScoringRule
) -> tuple[dict[str, float], list[str]]:
    seen = [item for item in objects if item.category not in rule.unseen]
    unseen = [item for item in objects if item.category in rule.unseen]
    parts = {
        f"{letter}-{name}": _mean([values(item) for item in group])
        for name, group in (("seen", seen), ("unseen", unseen))
        for letter, values in (("J", lambda o: o.j_statistics), ("F", lambda o: o.f_statistics))
    }
    known = [value for value in parts.values() if not np.isnan(value)]
    j, f = (
        _mean([item.j_statistics for item in objects]),
        _mean([item.f_statistics for item in objects]),
    )
    figures = {"G": float(np.mean(known)) if known else float("nan"), **parts}
    figures |= {"J&F-Mean": (j + f) / 2, "J-Mean": j, "F-Mean": f}
    return figures, _youtube_vos_notes(objects, unseen, rule)


def _youtube_vos_notes(
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


def _mean(items: Sequence[Statistics]) -> float:
    return float(np.mean([item.mean for item in items])) if items else float("nan")


def _names(objects: Sequence[ObjectScores], limit: int = 5) -> str:
    names = [f"{item.video} object {item.id}" for item in objects[:limit]]
    more = [f"{len(objects) - limit} more"] if len(objects) > limit else []
    return ", ".join(names + more)
