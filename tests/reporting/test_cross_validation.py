"""Means, spreads and differences of a cross-validation, against figures worked out by hand."""

from __future__ import annotations

import pytest

from vostool.reporting.cross_validation import CrossValidationReport, Variant

BASE = Variant("base", "Base", "", {(0, "a"): 0.5, (0, "b"): 0.7, (1, "a"): 0.6, (1, "b"): 0.6})
# Differences: a 0.1 and 0.2, b 0.0 and -0.2, hence per video 0.15 and -0.1.
OTHER = Variant(
    "other", "", "noted", {(0, "a"): 0.6, (0, "b"): 0.7, (1, "a"): 0.8, (1, "b"): 0.4}, 2.5
)


def test_every_video_counts_once_and_seeds_spread() -> None:
    spread = OTHER.over_seeds()
    assert spread is not None
    assert (spread.mean, spread.count) == (pytest.approx(0.625), 2)
    assert spread.deviation == pytest.approx(abs(0.65 - 0.6) / 2**0.5)
    assert OTHER.by_video() == pytest.approx({"a": 0.7, "b": 0.55})


def test_differences_are_of_the_same_video_and_seed() -> None:
    change = OTHER.compared_with(BASE)
    assert change is not None
    assert change.mean == pytest.approx((0.15 - 0.1) / 2)
    assert change.error == pytest.approx(0.125)  # |0.15 + 0.1| / 2, for two values
    assert (change.better, change.videos) == (1, 2)
    # What only one of them was scored on does not count.
    less = Variant("less", "", "", {(0, "a"): 0.4, (7, "b"): 1.0})
    part = less.compared_with(BASE)
    assert part is not None
    assert (part.mean, part.error, part.videos) == (pytest.approx(-0.1), 0.0, 1)
    assert Variant("none", "", "", {}).compared_with(BASE) is None


def test_what_is_written() -> None:
    unfinished = Variant("late", "", "", {(0, "a"): 0.5})
    missing = Variant("missing", "", "", {})
    report = CrossValidationReport(
        "T", "J", "videos", (BASE, OTHER, unfinished, missing), expected=4, overrides=("x=1",)
    )
    text = report.as_markdown()
    assert "| Base | 60.0 | ± 0.0 | - | - | - | - |" in text
    assert "| other | 62.5 | ± 3.5 | +2.5 | 12.5 | 1 of 2 | 2.5 |" in text
    assert "| missing | - | - | - | - | - | - |" in text
    assert "| video | base | other | late |" in text
    assert "| b | 65.0 | 55.0 | - |" in text
    assert "late: unfinished, 1 of 4 scores" in text
    assert "- other: noted" in text
    assert "x=1" in text
    numbers = report.as_json()["variants"]
    assert numbers[1]["seeds"]["1"] == {"a": 0.8, "b": 0.4}
    assert numbers[1]["difference"]["better"] == 1
    assert (numbers[3]["spread"], numbers[0]["difference"]) == (None, None)
    assert report.table().row_count == 4
