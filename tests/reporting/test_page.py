"""The HTML page and its plots."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Literal

import pytest

from vostool.reporting.page import (
    Best,
    Column,
    Page,
    Picture,
    Section,
    Strip,
    Table,
    format_cell,
    render_page,
    write_page,
)
from vostool.reporting.plot import plot_over_time

VOID = {"meta", "img", "br", "link"}


class Outline(HTMLParser):
    """Collects tags, text and image sources; fails on tags that do not nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.best: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attributes):
        if tag == "img":
            self.sources.append(dict(attributes)["src"])
        if dict(attributes).get("class") == "best":
            self.best.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self.open and self.open[-1] == "td" and self.best and not self.best[-1]:
            self.best[-1] = data


def page() -> Page:
    table = Table(
        [Column("prediction"), Column("J&F", Best.HIGHEST), Column("note")],
        [["a<b>", 0.51234, "x"], ["ens", 0.7, "y"], ["none", None, "z"]],
        caption="J & F",
    )
    plot = plot_over_time({"a": [0.1, None, 0.4], "b": [0.9, 0.8, 0.7]}, ylabel="J")
    strip = Strip("video <1>", [Picture("images/0.jpg", "frame 00000")])
    return Page("Report", "made of things", [Section("Scores", ["text"], [table], [plot], [strip])])


def test_page_is_well_formed_and_escaped():
    outline = Outline()
    outline.feed(render_page(page()))
    assert not outline.open
    assert outline.sources == ["images/0.jpg"]
    assert outline.best == ["70.0"]
    for words in ("a<b>", "51.2", "video <1>", "J & F"):
        assert words in outline.text
    assert "<b>" not in render_page(page())


def test_page_needs_nothing_from_outside(tmp_path):
    write_page(tmp_path / "index.html", page())
    html = (tmp_path / "index.html").read_text()
    outside = re.findall(r"""(?:src|href)=["'](?!#|images/)[^"']*|url\((?!#)[^)]*|@import""", html)
    assert not outside


def test_plots_are_the_same_each_time_and_hold_every_series():
    series = {f"run {number}": [0.5, 0.25 * (number % 4)] for number in range(9)}
    first = plot_over_time(series, ylabel="J")
    assert first == plot_over_time(series, ylabel="J")
    assert first.startswith("<svg")
    assert all(name in first for name in series)


def test_the_best_of_a_row_or_a_column_is_marked():
    rows: list[list[str | float | int | None]] = [
        ["x", 0.5, 0.7],
        ["y", 0.6, float("nan")],
        ["z", 3, 0.1],
    ]

    def marked(best: Best, compare: Literal["column", "row"]) -> list[tuple[int, int]]:
        table = Table([Column(name, best) for name in "abc"], rows, compare)
        return [(r, c) for r in range(3) for c in range(3) if table.is_best(r, c)]

    assert marked(Best.NONE, "column") == []
    assert marked(Best.HIGHEST, "column") == [(0, 2), (1, 1)]
    assert marked(Best.LOWEST, "column") == [(0, 1), (2, 2)]
    assert marked(Best.HIGHEST, "row") == [(0, 2)]
    assert marked(Best.LOWEST, "row") == [(0, 1)]


def test_a_row_must_fill_the_columns():
    with pytest.raises(ValueError, match="cells"):
        Table([Column("a"), Column("b")], [["x"]])


@pytest.mark.parametrize(
    ("cell", "shown"),
    [(0.81234, "81.2"), (1.0, "100.0"), (None, "–"), (float("nan"), "–"), (3, "3"), ("x", "x")],
)
def test_cells(cell, shown):
    assert format_cell(cell) == shown
