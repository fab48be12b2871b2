"""What is in a data set, as a table on standard output."""

from __future__ import annotations

from collections import Counter

from rich import box
from rich.table import Table

from vostool.core.console import ResultConsole
from vostool.datasets.inventory import DataReport

MOST_ROWS = 60
"""More videos than this are summed up in one row."""

MOST_SENTENCES = 50

LOG_WIDTH = 110
"""Columns of the table where there is no terminal that has a width."""


def show(report: DataReport) -> None:
    """Print the table, then warnings, then problems."""
    console = ResultConsole(soft_wrap=True)
    if not console.is_terminal:
        console.width = max(console.width, LOG_WIDTH)
    console.print(table_of(report))
    for kind, sentences in (("warning", report.warnings), ("problem", report.problems)):
        for sentence in sentences[:MOST_SENTENCES]:
            console.print(f"{kind}: {sentence}", markup=False)
        if len(sentences) > MOST_SENTENCES:
            console.print(f"{kind}: and {len(sentences) - MOST_SENTENCES} more", markup=False)
    console.print(
        f"looked at: {len(report.items)}, problems: {len(report.problems)}, "
        f"warnings: {len(report.warnings)}"
    )


def table_of(report: DataReport) -> Table:
    """One row per video, and a last row of totals."""
    table = Table(title=report.title, box=box.SIMPLE_HEAD, padding=(0, 1))
    table.add_column("name", no_wrap=True)
    for column in ("frames", "masks", "objects", "late"):
        table.add_column(column, justify="right")
    table.add_column("height x width")
    table.add_column("encoding")
    table.add_column("problems", justify="right")
    if len(report.items) <= MOST_ROWS:
        for item in report.items:
            counts = (item.frames, item.annotated, item.objects, item.late)
            table.add_row(
                item.name,
                *map(str, counts),
                _common(item.sizes),
                _common(item.encodings),
                str(len(item.problems)),
            )
        table.add_section()
    totals = (report.total(name) for name in ("frames", "annotated", "objects", "late"))
    table.add_row(
        f"all {len(report.items)}",
        *map(str, totals),
        _common(report.counts("sizes")),
        _common(report.counts("encodings")),
        str(len(report.problems)),
    )
    return table


def _common(counts: Counter[str]) -> str:
    """The most frequent values, such as '480 x 854 (50), 480 x 910'."""
    shown = [
        name if len(counts) == 1 else f"{name} ({count})" for name, count in counts.most_common(2)
    ]
    rest = len(counts) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest > 0 else "")
