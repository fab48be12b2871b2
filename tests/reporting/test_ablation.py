"""A paper's tables with our figures beside the paper's."""

from __future__ import annotations

import pytest

from vostool.reporting.ablation import AblationReport, PublishedRow, PublishedTables, row_reports


def test_differences_are_taken_seed_by_seed() -> None:
    """Two rows whose seeds vary together differ clearly, although their spreads overlap."""
    rows = tuple(PublishedRow(name, paper=1.0) for name in ("one", "two"))
    figures = {
        "one": {0: {"G": 0.50}, 1: {"G": 0.60}, 2: {"G": 0.70}},
        "two": {0: {"G": 0.51}, 1: {"G": 0.62}, 2: {"G": 0.73}},
    }
    tables = PublishedTables("t", "d", "p", rows)
    one, two = row_reports(tables, figures)
    difference, spread = two.difference("G"), two.spread("G")
    assert difference is not None and spread is not None
    assert (difference.mean, difference.deviation) == pytest.approx((2.0, 1.0))
    assert (spread.mean, spread.deviation) == pytest.approx((62.0, 11.0), abs=0.1)
    report = AblationReport(tables, (one, two), "G", "here", (0, 1, 2), ("loop.batch=2",))
    assert "| two | 62.0 ± 11.0 | +2.0 ± 1.0 | 1.0 | +0.0 |" in report.as_markdown()
    assert "changed in all trainings: loop.batch=2" in report.as_markdown()


def test_rows_are_compared_within_their_own_table() -> None:
    rows = (
        PublishedRow("a", "A", "first", 80.0, "why"),
        PublishedRow("b", "B | C", "first", 81.5),
        PublishedRow("c", table="second", paper=70.0),
        PublishedRow("d", table="second"),
    )
    tables = PublishedTables("Paper", "sentence", "G on val", rows)
    reports = row_reports(tables, {"a": {0: {"G": 0.5}}, "c": {0: {"G": 0.4}}})
    assert [item.paper_difference for item in reports] == [None, 1.5, None, None]
    text = AblationReport(tables, reports, "G", "here", (0,), ()).as_markdown()
    first, second = text.index("## first"), text.index("## second")
    assert first < text.index("| A | 50.0 | - | 80.0 | - |") < second
    assert first < text.index("| B / C | - | - | 81.5 | +1.5 |") < second
    assert second < text.index("| c | 40.0 | - | 70.0 | - |")
    assert "- A: why\n" in text
    assert "- paper: G on val\n" in text
