"""One making of an ablation file's row, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vostool.scoring.report import EvaluationReport
from vostool.training.loop.metrics_log import FILE_NAME as METRICS
from vostool.training.loop.metrics_log import read_metrics


@dataclass(frozen=True)
class Trial:
    """One of the times that a row is made.

    Attributes:
        seed: of its trainings.
        fold: number of the fold it is scored on; None without cross-validation.
        split_file: offline split of its trainings.
        shared: it is made once, and other rows' trials all start from it.
    """

    seed: int
    fold: int | None = None
    split_file: Path | None = None
    shared: bool = False

    @property
    def folder(self) -> str:
        """Where a row keeps what is made in it."""
        if self.shared:
            return "shared"
        return f"seed-{self.seed}" + ("" if self.fold is None else f"-fold-{self.fold}")


@dataclass(frozen=True)
class Outcome:
    """What came of a row in one trial.

    Attributes:
        figures: over all videos that were scored, in [0, 1], by name.
        videos: video -> its figures.
        minutes: of its own trainings, the rows it starts from left out; None where unknown.
    """

    figures: dict[str, float]
    videos: dict[str, dict[str, float]] = field(default_factory=dict)
    minutes: float | None = None

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> Outcome:
        """Of a result file; those of earlier versions have the figures only."""
        return cls(table["figures"], table.get("videos", {}), table.get("minutes"))

    @classmethod
    def of(cls, report: EvaluationReport, folder: Path | None) -> Outcome:
        """Of scores, and the folder of the row's own trainings, if it has any."""
        minutes = None if folder is None else _minutes(folder)
        return cls(_numbers(report.figures), _by_video(report), minutes)


def _by_video(report: EvaluationReport) -> dict[str, dict[str, float]]:
    """The measure's figures of each video alone, as if nothing else had been scored."""
    names = dict.fromkeys(item.video for item in report.objects)
    return {
        name: _numbers(
            report.measure.summarise(
                tuple(item for item in report.objects if item.video == name), report.rule
            ).figures
        )
        for name in names
    }


def _numbers(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in figures.items() if not math.isnan(value)}


def _minutes(folder: Path) -> float | None:
    """Time that the steps of a row's own trainings took, by their metrics."""
    seconds, before = 0.0, 0
    for log in sorted(folder.glob(f"*/{METRICS}")):
        before = 0
        for record in read_metrics(log):
            if record.get("kind") == "train":
                # A line holds the means since the line before.
                seconds += record.get("step_seconds", 0.0) * (record["iteration"] - before)
                before = record["iteration"]
    return seconds / 60 if before else None
