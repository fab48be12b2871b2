"""What a measure is: from compared frames to figures, with its source and its columns.

A measure is a module in `vostool/scoring/measures/` (or an entry point of `vostool.measures`) with
a value `MEASURE`. It is found by its module's name; nothing else is edited.

Axes: T frames, N objects of a video.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vostool.core import registry
from vostool.core.types import Video
from vostool.datasets.spec import ScoringRule
from vostool.scoring.compared import ComparedFrames

PACKAGE = "vostool.scoring.measures"
ENTRY_POINT_GROUP = "vostool.measures"


class Better(enum.Enum):
    """Which of two values of a column is the better one."""

    HIGHER = "higher"
    LOWER = "lower"


@dataclass(frozen=True)
class Column:
    """One figure of a measure: a fraction, which people are shown in per cent.

    Attributes:
        name: as the official code or paper calls it.
        meaning: one line.
        better: which direction is the better one.
    """

    name: str
    meaning: str
    better: Better = Better.HIGHER


@dataclass(frozen=True)
class FrameValues:
    """What a measure keeps of T frames of a video.

    Attributes:
        shown: per name, scores float64 `[T, N]` in [0, 1]; plots and JSON show them, and a frame's
            score is their mean.
        extras: per name, whatever else the measure needs later, `[T, N, ...]`.
    """

    shown: Mapping[str, np.ndarray]
    extras: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class ObjectScores:
    """Scores of one object.

    Attributes:
        video, id, category: which object; the category is None where unknown.
        frames: names of the T frames that count.
        shown: per name, float64 `[T]`, as in `FrameValues`.
        extras: per name, `[T, ...]`, as in `FrameValues`.
        row: position of the object among the N of its video.
        frame_count: by how many frames the official code divides, where the data set says so;
            frames that lack count as 0.
    """

    video: str
    id: int
    category: str | None
    frames: tuple[str, ...]
    shown: Mapping[str, np.ndarray]
    extras: Mapping[str, np.ndarray] = field(default_factory=dict)
    row: int = 0
    frame_count: int | None = None

    @property
    def per_frame(self) -> np.ndarray:
        """One score per frame, float64 `[T]`: the mean of all that are shown."""
        return np.mean(list(self.shown.values()), axis=0)


@dataclass(frozen=True)
class Summary:
    """Figures over all objects, by their usual names, and what a reader must know about them.

    Attributes:
        figures: fractions, in the order of the measure's columns; the first is the one by which
            methods are ranked. NaN where a figure does not exist.
        notes: sentences.
    """

    figures: dict[str, float]
    notes: tuple[str, ...] = ()


class Measure(ABC):
    """How objects are scored, and how their scores are summed up.

    Attributes:
        title: one line for people.
        source: paper or official code, and what about it could not be verified.
        columns: figures over all objects, the one that ranks first.
        object_columns: figures of a single object.
    """

    title: str
    source: str
    columns: tuple[Column, ...]
    object_columns: tuple[Column, ...]

    def misfit(self, videos: Sequence[Video], rule: ScoringRule) -> str | None:
        """Why these videos cannot be scored with this measure; None where they can."""
        return None

    @abstractmethod
    def score_frames(self, frames: ComparedFrames) -> FrameValues:
        """Scores of every object in every frame."""

    @abstractmethod
    def object_figures(self, item: ObjectScores, rule: ScoringRule) -> dict[str, Any]:
        """Values of `object_columns`."""

    @abstractmethod
    def summarise(self, objects: Sequence[ObjectScores], rule: ScoringRule) -> Summary:
        """Values of `columns` over objects."""

    def data_notes(
        self, videos: Sequence[Video], predicted: Mapping[str, frozenset[str]]
    ) -> list[str]:
        """What the data says about how the figures may be compared.

        Args:
            predicted: names of the predicted frames of each video.
        """
        return []


def load_measure(name: str) -> Measure:
    """The measure of this name.

    Raises:
        UsageError: there is none.
    """
    found = registry.load(PACKAGE, name, kind="measure", entry_point_group=ENTRY_POINT_GROUP)
    measure: Measure = found.MEASURE
    return measure


def object_names(objects: Sequence[ObjectScores], limit: int = 5) -> str:
    """The first objects of a list, for a note."""
    names = [f"{item.video} object {item.id}" for item in objects[:limit]]
    more = [f"{len(objects) - limit} more"] if len(objects) > limit else []
    return ", ".join(names + more)


def scored_only(objects: Sequence[ObjectScores]) -> tuple[list[ObjectScores], list[str]]:
    """Objects that have a frame that counts, and a note on those that do not."""
    scored = [item for item in objects if item.frames]
    if len(scored) == len(objects):
        return scored, []
    names = object_names([item for item in objects if not item.frames])
    return scored, [f"without a frame that counts, left out of all means: {names}"]


def mean_or_nan(values: Sequence[float] | np.ndarray) -> float:
    """Mean of a list; NaN where it is empty."""
    return float(np.mean(values)) if len(values) else float("nan")
