"""A report as one HTML page: sections of text, tables, plots and pictures. No address outside."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from vostool.core.files import write_text

Cell = str | float | int | None


class Best(enum.Enum):
    """Which number of several is the best one."""

    NONE = "none"
    HIGHEST = "highest"
    LOWEST = "lowest"


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: its heading.
        best: which of its numbers is marked.
    """

    title: str
    best: Best = Best.NONE


@dataclass(frozen=True)
class Table:
    """Rows under columns.

    Attributes:
        columns: the first one names the row.
        rows: one cell per column; floats are shown as percentages with one digit, None as a dash.
        compare: whether the best float is looked for within each column, or within each row.
        caption: one sentence below.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    compare: Literal["column", "row"] = "column"
    caption: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"row {row[0]!r} has {len(row)} cells, not {len(self.columns)}")

    def is_best(self, row: int, column: int) -> bool:
        """Whether a cell holds the best float, where there is something to compare."""
        cell, best = self.rows[row][column], self.columns[column].best
        if best is Best.NONE or not isinstance(cell, float):
            return False
        line = self.rows[row] if self.compare == "row" else [cells[column] for cells in self.rows]
        values = [value for value in line if isinstance(value, float) and value == value]
        wanted = min if best is Best.LOWEST else max
        return len(values) > 1 and cell == wanted(values)


@dataclass(frozen=True)
class Picture:
    """An image file beside the page.

    Attributes:
        source: path relative to the page, with forward slashes.
        caption: one line below.
    """

    source: str
    caption: str = ""


@dataclass(frozen=True)
class Strip:
    """Pictures in a row, such as the frames of one video."""

    title: str
    pictures: Sequence[Picture]


@dataclass(frozen=True)
class Section:
    """One part of the page.

    Attributes:
        title: heading.
        text: paragraphs of plain text.
        tables, strips: shown in this order after the text.
        plots: SVG elements made by `reporting.plot`; inserted as they are.
    """

    title: str
    text: Sequence[str] = ()
    tables: Sequence[Table] = ()
    plots: Sequence[str] = ()
    strips: Sequence[Strip] = ()


@dataclass(frozen=True)
class Page:
    """A page with a title, a line below it, and sections."""

    title: str
    subtitle: str
    sections: Sequence[Section]


def render_page(page: Page) -> str:
    """The page as HTML text; everything but the plots is escaped."""
    environment = Environment(
        loader=PackageLoader("vostool.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = format_cell
    environment.filters["svg"] = Markup
    return environment.get_template("page.html").render(page=page)


def write_page(target: Path, page: Page) -> None:
    """Write the page atomically."""
    write_text(target, render_page(page))


def format_cell(cell: Cell) -> str:
    """0.8123 -> "81.2"; None and NaN -> a dash; the rest as text."""
    if cell is None or cell != cell:
        return "–"
    return f"{100 * cell:.1f}" if isinstance(cell, float) else str(cell)
