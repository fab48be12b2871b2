"""The result of an evaluation, and how it is shown: tables, JSON, CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from vostool.core.errors import printable
from vostool.core.figures import per_cent
from vostool.datasets.spec import ScoringRule
from vostool.scoring.measure import Column, Measure, ObjectScores, Summary

COMMON = ("video", "object", "category", "frames")
"""Columns of an object whatever the measure."""


@dataclass(frozen=True)
class EvaluationReport:
    """Scores of a prediction folder.

    Attributes:
        dataset, split, predictions: what was scored.
        rule: which frames count.
        measure_name, measure: how they are scored and summed up.
        objects: in the order of videos and ids.
        notes: what was overlooked on request.
    """

    dataset: str
    split: str
    predictions: str
    rule: ScoringRule
    measure_name: str
    measure: Measure
    objects: tuple[ObjectScores, ...]
    notes: tuple[str, ...] = ()

    @property
    def summary(self) -> Summary:
        """Figures over all objects, and all notes."""
        summary = self.measure.summarise(self.objects, self.rule)
        return Summary(summary.figures, (*summary.notes, *self.notes))

    @property
    def figures(self) -> dict[str, float]:
        """Figures over all objects by name, the one that ranks first."""
        return self.summary.figures

    @property
    def score(self) -> float:
        """The figure by which methods are ranked."""
        return next(iter(self.figures.values()))

    @property
    def object_columns(self) -> tuple[str, ...]:
        """Keys of `rows`."""
        return (*COMMON, *(column.name for column in self.measure.object_columns))

    def rows(self) -> list[dict[str, Any]]:
        """One row per object, with the keys `object_columns`."""
        return [
            {
                "video": item.video,
                "object": item.id,
                "category": item.category,
                "frames": len(item.frames),
                **self.measure.object_figures(item, self.rule),
            }
            for item in self.objects
        ]

    def as_json(self) -> dict[str, Any]:
        """A value for JSON: figures, notes, and per object its statistics and every frame's scores.

        NaN becomes None.
        """
        summary = self.summary
        return {
            "dataset": self.dataset,
            "split": self.split,
            "predictions": self.predictions,
            "measure": self.measure_name,
            "source": self.measure.source,
            "first_frame_counts": not self.rule.skip_first,
            "last_frame_counts": not self.rule.skip_last,
            "videos": len({item.video for item in self.objects}),
            "figures": {name: _number(value) for name, value in summary.figures.items()},
            "better": {column.name: column.better.value for column in self.measure.columns},
            "notes": list(summary.notes),
            "objects": [
                {name: _number(value) for name, value in row.items()}
                | {"per_frame": _per_frame(item)}
                for row, item in zip(self.rows(), self.objects, strict=True)
            ],
        }

    def as_csv(self) -> str:
        """One line per object under a header; NaN is an empty field."""
        text = io.StringIO()
        writer = csv.DictWriter(text, self.object_columns, lineterminator="\n")
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
        title = (
            f"{self.dataset} {self.split}: {videos} videos, {len(self.objects)} objects, "
            f"{self.measure.title}; in per cent"
        )
        table = Table(title=title, title_justify="left", box=box.SIMPLE)
        shown = [c for c in self.measure.columns if not is_repetition(c.name, summary.figures)]
        for column in shown:
            table.add_column(column.name, justify="right", no_wrap=True)
        table.add_row(*(_shown(summary.figures[column.name], column) for column in shown))
        parts.append(table)
        return Group(*parts, *(Text(printable(f"note: {note}")) for note in summary.notes))

    def _object_table(self) -> Table:
        columns = {column.name: column for column in self.measure.object_columns}
        rows = self.rows()
        hidden = {name for name in columns if all(is_repetition(name, row) for row in rows)}
        if all(row["category"] is None for row in rows):
            hidden.add("category")
        table = Table(box=box.SIMPLE)
        names = [name for name in self.object_columns if name not in hidden]
        for name in names:
            left = name in ("video", "category")
            table.add_column(
                name.removesuffix("-Mean"), justify="left" if left else "right", no_wrap=True
            )
        for row in rows:
            table.add_row(*(_shown(row[name], columns.get(name)) for name in names))
        return table


def is_repetition(name: str, figures: Mapping[str, Any]) -> bool:
    """Whether a corrected figure says the same as the official one."""
    official = name.removesuffix("-corrected")
    return official != name and _number(figures[official]) == _number(figures[name])


def _per_frame(item: ObjectScores) -> dict[str, Any]:
    scores = {name: values.tolist() for name, values in item.shown.items()}
    return {"frame": list(item.frames), **scores}


def _number(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _shown(value: Any, column: Column | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and column is not None:
        return "-" if math.isnan(value) else per_cent(value)
    return str(value)
