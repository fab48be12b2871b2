"""What a report knows of each prediction: its folder, and its scores if there is ground truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vostool.predictions.folder import PredictionFolder
from vostool.reporting.table import Column


class ScoredObject(Protocol):
    """Scores of one object in the T frames that count, whatever the measure."""

    @property
    def video(self) -> str:
        """Name of its video."""

    @property
    def id(self) -> int:
        """Its id in the masks."""

    @property
    def category(self) -> str | None:
        """None where unknown."""

    @property
    def frames(self) -> tuple[str, ...]:
        """Names of the T frames."""

    @property
    def shown(self) -> Mapping[str, np.ndarray]:
        """Scores by name, float64 `[T]`, fractions."""

    @property
    def per_frame(self) -> np.ndarray:
        """One score per frame, float64 `[T]`: the mean of those shown."""


@dataclass(frozen=True)
class Scores:
    """How good a prediction is.

    Attributes:
        columns: figures, the one that ranks first, each with its better direction.
        figures: fractions by the columns' titles.
        notes: what a reader must know about them.
        objects: in the order of videos and ids.
    """

    columns: Sequence[Column]
    figures: Mapping[str, float]
    notes: Sequence[str]
    objects: Sequence[ScoredObject]

    @property
    def per_frame_name(self) -> str:
        """What `per_frame` of the objects is the mean of, such as "J&F"."""
        return "&".join(self.objects[0].shown) if self.objects else "score"


@dataclass(frozen=True)
class Entry:
    """One prediction of a report.

    Attributes:
        label: what it is called.
        folder: where its masks are.
        scores: None without ground truth.
        part: such as "1 of 6 videos" where it lacks some, else "".
    """

    label: str
    folder: PredictionFolder
    scores: Scores | None
    part: str = ""

    def objects_of(self, video: str) -> list[ScoredObject]:
        """Scores of the objects of a video; none without ground truth."""
        objects = self.scores.objects if self.scores is not None else ()
        return [item for item in objects if item.video == video]

    @property
    def title(self) -> str:
        """Label, with what it lacks."""
        return f"{self.label} ({self.part})" if self.part else self.label


def mean_score(item: ScoredObject) -> float | None:
    """Over the frames that count; None where none does."""
    return float(np.mean(item.per_frame)) if len(item.frames) else None
