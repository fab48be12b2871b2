"""An ablation's figures: per row over seeds, differences to the row above, beside the paper's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from vostool.reporting.spread import Spread

HEADER = ("row", "ours", "difference", "paper", "difference")
NOTHING = "-"


@dataclass(frozen=True)
class PublishedRow:
    """A row of a published table.

    Attributes:
        name: by which other rows refer to it.
        label: as in the paper; its name where that is empty.
        table: rows of one table belong together.
        paper: the paper's figure in percent, if it has one.
        note: what a reader must know.
    """

    name: str
    label: str = ""
    table: str = ""
    paper: float | None = None
    note: str = ""


@dataclass(frozen=True)
class PublishedTables:
    """What a paper's tables are, whoever fills them in.

    Attributes:
        title: of the whole.
        description: what a reader of the figures must know.
        paper_figure: what the paper's figures are.
        rows: in order.
    """

    title: str
    description: str
    paper_figure: str
    rows: tuple[PublishedRow, ...]


@dataclass(frozen=True)
class RowReport:
    """A row with what was measured.

    Attributes:
        row: as published.
        figures: seed -> our figures in [0, 1], by name.
        above: the row above it in the same table, if any.
    """

    row: PublishedRow
    figures: dict[int, dict[str, float]]
    above: RowReport | None

    def values(self, figure: str) -> dict[int, float]:
        """Seed -> one figure, in percent."""
        return {seed: 100 * figures[figure] for seed, figures in self.figures.items()}

    def spread(self, figure: str) -> Spread | None:
        """Over seeds, in percent; None where nothing was measured."""
        values = list(self.values(figure).values())
        return Spread.of(values) if values else None

    def difference(self, figure: str) -> Spread | None:
        """To the row above over the seeds that both have, in percent."""
        if self.above is None:
            return None
        ours, theirs = self.values(figure), self.above.values(figure)
        changes = [value - theirs[seed] for seed, value in ours.items() if seed in theirs]
        return Spread.of(changes) if changes else None

    @property
    def paper_difference(self) -> float | None:
        """The paper's figure less that of the row above."""
        if self.above is None or self.row.paper is None or self.above.row.paper is None:
            return None
        return self.row.paper - self.above.row.paper

    def cells(self, figure: str) -> tuple[str, ...]:
        """As the table shows it."""
        paper, step = self.row.paper, self.paper_difference
        return (
            self.row.label or self.row.name,
            _shown(self.spread(figure)),
            _shown(self.difference(figure), signed=True),
            NOTHING if paper is None else f"{paper:.1f}",
            NOTHING if step is None else f"{step:+.1f}",
        )


@dataclass(frozen=True)
class AblationReport:
    """All rows that are shown.

    Attributes:
        published: the tables.
        rows: in their order.
        figure: name of our figure.
        scored_on: what our figures are of.
        seeds: of the trainings.
        overrides: of all trainings.
    """

    published: PublishedTables
    rows: tuple[RowReport, ...]
    figure: str
    scored_on: str
    seeds: tuple[int, ...]
    overrides: tuple[str, ...]

    def groups(self) -> list[tuple[str, list[RowReport]]]:
        """Rows by table, in order."""
        groups: dict[str, list[RowReport]] = {}
        for item in self.rows:
            groups.setdefault(item.row.table, []).append(item)
        return list(groups.items())

    def notes(self) -> list[str]:
        """What a reader of the figures must know."""
        seeds = ", ".join(map(str, self.seeds))
        notes = [
            f"ours: {self.figure} on {self.scored_on}, in percent; mean ± standard deviation over "
            f"seeds {seeds}; differences to the row above are taken seed by seed",
            f"paper: {self.published.paper_figure}",
            self.published.description,
        ]
        if self.overrides:
            notes.append(f"changed in all trainings: {', '.join(self.overrides)}")
        named = [item for item in self.rows if item.row.note]
        return notes + [f"{item.row.label or item.row.name}: {item.row.note}" for item in named]

    def tables(self) -> list[Table]:
        """For a terminal."""
        tables = []
        for name, rows in self.groups():
            table = Table(title=f"{self.published.title}{': ' if name else ''}{name}")
            for column in HEADER:
                table.add_column(column, justify="left" if column == "row" else "right")
            for item in rows:
                table.add_row(*item.cells(self.figure))
            tables.append(table)
        return tables

    def as_markdown(self) -> str:
        """The tables with their notes."""
        lines = [f"# {self.published.title}"]
        for name, rows in self.groups():
            lines += ["", *([f"## {name}", ""] if name else [])]
            lines += [_markdown_row(HEADER), "|---|--:|--:|--:|--:|"]
            lines += [_markdown_row(item.cells(self.figure)) for item in rows]
        return "\n".join([*lines, "", *(f"- {note}" for note in self.notes())]) + "\n"

    def as_json(self) -> dict[str, Any]:
        """All of it, every seed's figures too (in [0, 1]; spreads and the paper's in percent)."""
        return {
            "title": self.published.title,
            "figure": self.figure,
            "scored_on": self.scored_on,
            "seeds": list(self.seeds),
            "overrides": list(self.overrides),
            "notes": self.notes(),
            "rows": [
                {
                    "name": item.row.name,
                    "label": item.row.label,
                    "table": item.row.table,
                    "figures": {str(seed): values for seed, values in item.figures.items()},
                    "spread": _json(item.spread(self.figure)),
                    "difference": _json(item.difference(self.figure)),
                    "paper": item.row.paper,
                    "paper_difference": item.paper_difference,
                }
                for item in self.rows
            ],
        }


def row_reports(
    published: PublishedTables, figures: dict[str, dict[int, dict[str, float]]]
) -> tuple[RowReport, ...]:
    """Reports of the rows, each knowing the one above it in its table.

    Args:
        figures: row name -> seed -> figures; rows may be missing.
    """
    reports: list[RowReport] = []
    for row in published.rows:
        above = reports[-1] if reports and reports[-1].row.table == row.table else None
        reports.append(RowReport(row, figures.get(row.name, {}), above))
    return tuple(reports)


def _shown(spread: Spread | None, *, signed: bool = False) -> str:
    if spread is None:
        return NOTHING
    mean = f"{spread.mean:+.1f}" if signed else f"{spread.mean:.1f}"
    return mean if spread.count == 1 else f"{mean} ± {spread.deviation:.1f}"


def _json(spread: Spread | None) -> dict[str, float] | None:
    return None if spread is None else spread.as_json()


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
