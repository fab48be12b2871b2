"""Tables of a report: columns, cells that may link or hold a picture, and which number is best."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class Picture:
    """An image of a page.

    Attributes:
        source: path relative to the page with forward slashes, quoted; or a data URI.
        alternative: what is to be seen, for those who do not see it.
        width, height: in pixels, so that nothing moves when it arrives.
        target: address that it leads to; "" for none.
    """

    source: str
    alternative: str
    width: int
    height: int
    target: str = ""


@dataclass(frozen=True)
class Link:
    """Text that leads to another page or place."""

    text: str
    target: str


Cell = str | float | int | None | Link | Picture


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
        sortable: whether readers can sort it by any column.
        sorted_by: position of the column that it is sorted by, ascending; None for none.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    compare: Literal["column", "row"] = "column"
    caption: str = ""
    sortable: bool = False
    sorted_by: int | None = None

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"row {row[0]!r} has {len(row)} cells, not {len(self.columns)}")

    def without_empty(self, title: str) -> Table:
        """The same without the column of this title, if nothing is in it."""
        index = [column.title for column in self.columns].index(title)
        if any(row[index] is not None for row in self.rows):
            return self
        columns = [*self.columns[:index], *self.columns[index + 1 :]]
        rows = [[*row[:index], *row[index + 1 :]] for row in self.rows]
        order = self.sorted_by
        order = order - 1 if order is not None and order > index else order
        return replace(self, columns=columns, rows=rows, sorted_by=order)

    def is_text(self, column: int) -> bool:
        """Whether a column holds words, which are read from the left."""
        words = [format_cell(row[column]) for row in self.rows if not _is_number(row[column])]
        return any(not word.isdigit() for word in words)

    def is_best(self, row: int, column: int) -> bool:
        """Whether a cell holds the best float, where there is something to compare."""
        cell, best = self.rows[row][column], self.columns[column].best
        if best is Best.NONE or not isinstance(cell, float):
            return False
        line = (
            [other for other, c in zip(self.rows[row], self.columns, strict=True) if c.best is best]
            if self.compare == "row"
            else [cells[column] for cells in self.rows]
        )
        values = [value for value in line if isinstance(value, float) and value == value]
        wanted = min if best is Best.LOWEST else max
        return len(values) > 1 and cell == wanted(values)


def format_cell(cell: Cell) -> str:
    """0.8123 -> "81.2"; None and NaN -> a dash; a link's or a picture's words; the rest as text."""
    if cell is None or cell != cell:
        return "–"
    if isinstance(cell, Link):
        return cell.text
    if isinstance(cell, Picture):
        return cell.alternative
    return f"{100 * cell:.1f}" if isinstance(cell, float) else str(cell)


def _is_number(cell: Cell) -> bool:
    return cell is None or isinstance(cell, (int, float))


def sort_key(cell: Cell) -> str:
    """What a cell is sorted by: a number as text, words, or "" for nothing and for pictures."""
    if cell is None or cell != cell or isinstance(cell, Picture):
        return ""
    if isinstance(cell, Link):
        return cell.text
    return repr(cell) if isinstance(cell, (int, float)) else cell
