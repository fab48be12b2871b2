"""Tables: the best number, what is sorted by, and how cells read."""

from __future__ import annotations

from typing import Literal

import pytest

from vostool.reporting.table import Best, Cell, Column, Link, Picture, Table, format_cell, sort_key

PICTURE = Picture("p.jpg", "a dog", 4, 3)


def test_the_best_of_a_row_or_a_column_is_marked():
    rows: list[list[Cell]] = [["x", 0.5, 0.7], ["y", 0.6, float("nan")], ["z", 3, 0.1]]

    def marked(best: Best, compare: Literal["column", "row"]) -> list[tuple[int, int]]:
        table = Table([Column(name, best) for name in "abc"], rows, compare)
        return [(r, c) for r in range(3) for c in range(3) if table.is_best(r, c)]

    assert marked(Best.NONE, "column") == []
    assert marked(Best.HIGHEST, "column") == [(0, 2), (1, 1)]
    assert marked(Best.LOWEST, "column") == [(0, 1), (2, 2)]
    assert marked(Best.HIGHEST, "row") == [(0, 2)]
    assert marked(Best.LOWEST, "row") == [(0, 1)]


def test_numbers_of_another_kind_do_not_compete_in_a_row():
    columns = [Column("a", Best.HIGHEST), Column("b", Best.HIGHEST), Column("differs")]
    table = Table(columns, [[0.5, 0.6, 0.9]], "row")
    assert [table.is_best(0, column) for column in range(3)] == [False, True, False]


def test_a_row_must_fill_the_columns():
    with pytest.raises(ValueError, match="cells"):
        Table([Column("a"), Column("b")], [["x"]])


def test_empty_columns_go_and_the_order_stays():
    columns = [Column("a"), Column("b"), Column("c")]
    table = Table(columns, [["x", None, 1], ["y", None, 2]], sorted_by=2)
    short = table.without_empty("b")
    assert ([c.title for c in short.columns], short.rows, short.sorted_by) == (
        ["a", "c"],
        [["x", 1], ["y", 2]],
        1,
    )
    assert table.without_empty("c") is table
    assert [short.is_text(0), short.is_text(1)] == [True, False]


@pytest.mark.parametrize(
    ("cell", "shown", "key"),
    [
        (0.81234, "81.2", "0.81234"),
        (1.0, "100.0", "1.0"),
        (None, "–", ""),
        (float("nan"), "–", ""),
        (3, "3", "3"),
        ("x", "x", "x"),
        (Link("00012", "#frame=00012"), "00012", "00012"),
        (PICTURE, "a dog", ""),
    ],
)
def test_cells(cell, shown, key):
    assert (format_cell(cell), sort_key(cell)) == (shown, key)
