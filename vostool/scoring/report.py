"""The result of an evaluation, and how it is shown: tables, JSON, CSV."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from vostool.datasets.spec import Measure, ScoringRule
from vostool.scoring.summary import ObjectScores, Summary, davis_figures, summarise

COLUMNS = (
    "video",
    "object",
    "category",
    "seen",
    "frames",
    "J&F-Mean",
    "J-Mean",
    "J-Recall",
    "J-Decay",
    "F-Mean",
    "F-Recall",
    "F-Decay",
    "J-Decay-corrected",
    "F-Decay-corrected",
)


@dataclass(frozen=True)
class EvaluationReport:
    """Scores of a prediction folder.

    Attributes:
        dataset, split, predictions: what was scored.
        rule: which frames count, and how they are summed up.
        objects: in the order of videos and ids.
        notes: what was overlooked on request.
    """

    dataset: str
    split: str
    predictions: str
    rule: ScoringRule
    objects: tuple[ObjectScores, ...]
    notes: tuple[str, ...] = ()

    @property
    def summary(self) -> Summary:
        """Figures over all objects, and all notes."""
        summary = summarise(self.objects, self.rule)
        return Summary(summary.figures, (*summary.notes, *self.notes))

    @property
    def mean_j(self) -> float:
        """Mean J over objects."""
        return self.summary.figures["J-Mean"]

    @property
    def mean_f(self) -> float:
        """Mean F over objects."""
        return self.summary.figures["F-Mean"]

    @property
    def j_and_f(self) -> float:
        """Mean of mean J and mean F."""
        return self.summary.figures["J&F-Mean"]

    def rows(self) -> list[dict[str, Any]]:
        """One row per object, with the keys `COLUMNS`."""
        return [_row(item, self.rule) for item in self.objects]

    def as_json(self) -> dict[str, Any]:
        """A value for JSON: figures, notes, and per object its statistics and every frame's scores.

        NaN becomes None.
        """
        summary = self.summary
        return {
            "dataset": self.dataset,
            "split": self.split,
            "predictions": self.predictions,
            "measure": self.rule.measure.value,
            "first_frame_counts": not self.rule.skip_first,
            "last_frame_counts": not self.rule.skip_last,
            "videos": len({item.video for item in self.objects}),
            "figures": {name: _number(value) for name, value in summary.figures.items()},
            "notes": list(summary.notes),
            "objects": [
                {name: _number(value) for name, value in row.items()}
                | {
                    "per_frame": {
                        "frame": list(item.frames),
                        "J": item.j.tolist(),
                        "F": item.f.tolist(),
                    }
                }
                for row, item in zip(self.rows(), self.objects, strict=True)
            ],
        }

    def as_csv(self) -> str:
        """One line per object under a header; NaN is an empty field."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in self.rows():
            values = {name: _number(value) for name, value in row.items()}
            writer.writerow({k: "" if v is None else v for k, v in values.items()})
        return text.getvalue()

    def table(self, per_object: bool = False) -> Group:
        """What `evaluate` prints."""
        parts: list[Table | Text] = [self._object_table()] if per_object else []
        summary = self.summary
        videos = len({item.video for item in self.objects})
        title = f"{self.dataset} {self.split}: {videos} videos, {len(self.objects)} objects"
        table = Table(title=title, title_justify="left", box=box.SIMPLE)
        figures = {k: v for k, v in summary.figures.items() if not _is_repetition(k, summary)}
        for name in figures:
            table.add_column(name, justify="right", no_wrap=True)
        table.add_row(*(_shown(value) for value in figures.values()))
        parts.append(table)
        return Group(*parts, *(Text(f"note: {note}") for note in summary.notes))

    def _object_table(self) -> Table:
        names = list(COLUMNS[: COLUMNS.index("F-Decay") + 1])
        if self.rule.measure is Measure.DAVIS:
            names = [name for name in names if name not in ("category", "seen")]
        table = Table(box=box.SIMPLE)
        for name in names:
            left = name in ("video", "category")
            table.add_column(
                name.removesuffix("-Mean"), justify="left" if left else "right", no_wrap=True
            )
        for row in self.rows():
            table.add_row(*(_shown(row[name]) for name in names))
        return table


def _is_repetition(name: str, summary: Summary) -> bool:
    """Whether a corrected figure says the same as the official one."""
    official = name.removesuffix("-corrected")
    return official != name and summary.figures[official] == summary.figures[name]


def _row(item: ObjectScores, rule: ScoringRule) -> dict[str, Any]:
    return {
        "video": item.video,
        "object": item.id,
        "category": item.category,
        "seen": item.category not in rule.unseen,
        "frames": len(item.frames),
        **davis_figures(item.j_statistics, item.f_statistics),
    }


def _number(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:.4f}"
    return str(value)
