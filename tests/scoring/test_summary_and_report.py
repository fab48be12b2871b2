"""From object scores to figures, JSON, CSV and tables."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from rich.console import Console

from vostool.datasets.spec import ScoringRule
from vostool.scoring.measure import ObjectScores, Summary, load_measure
from vostool.scoring.report import EvaluationReport

DAVIS = ScoringRule("davis", skip_first=True, skip_last=True)


def scores(video: str, id: int, j: float, f: float, category=None, count: int = 4) -> ObjectScores:
    names = tuple(f"{k:05d}" for k in range(count))
    return ObjectScores(
        video, id, category, names, {"J": np.full(count, j), "F": np.full(count, f)}
    )


def summarise(objects: list[ObjectScores], rule: ScoringRule) -> Summary:
    return load_measure(rule.measure).summarise(objects, rule)


def youtube(*unseen: str) -> ScoringRule:
    return ScoringRule("youtube-vos", skip_last=False, unseen=frozenset(unseen))


def test_davis_means_are_over_objects_not_videos_or_frames():
    objects = [
        scores("a", 1, 1.0, 0.8),
        scores("a", 2, 0.4, 0.2),
        scores("b", 1, 0.1, 0.2, count=9),
    ]
    figures = summarise(objects, DAVIS).figures
    assert figures["J-Mean"] == pytest.approx(0.5)
    assert figures["F-Mean"] == pytest.approx(0.4)
    assert figures["J&F-Mean"] == pytest.approx(0.45)
    assert figures["J-Recall"] == pytest.approx(1 / 3)


def test_g_is_the_mean_of_four():
    objects = [
        scores("a", 1, 0.9, 0.8, "cat"),
        scores("a", 3, 0.7, 0.6, "dog"),
        scores("b", 2, 0.2, 0.4, "yak"),
    ]
    figures = summarise(objects, youtube("yak")).figures
    assert figures["J-seen"] == pytest.approx(0.8)
    assert figures["F-seen"] == pytest.approx(0.7)
    assert figures["J-unseen"] == pytest.approx(0.2)
    assert figures["F-unseen"] == pytest.approx(0.4)
    assert figures["G"] == pytest.approx((0.8 + 0.7 + 0.2 + 0.4) / 4)


def test_unknown_categories_count_as_seen_and_it_is_said():
    summary = summarise([scores("a", 1, 0.5, 0.7)], youtube("yak"))
    assert summary.figures["G"] == pytest.approx(0.6)
    assert np.isnan(summary.figures["J-unseen"])
    notes = " ".join(summary.notes)
    assert "1 of 1 objects have no category" in notes
    assert "cannot be compared" in notes


def test_objects_without_counted_frames_are_left_out_and_named():
    summary = summarise([scores("a", 1, 0.5, 0.5), scores("z", 9, 0, 0, count=0)], DAVIS)
    assert summary.figures["J-Mean"] == 0.5
    assert any("z object 9" in note for note in summary.notes)


def test_decay_overflow_is_noted_with_the_corrected_figure_beside():
    summary = summarise([scores("long", 1, 0.5, 0.5, count=300)], DAVIS)
    assert np.isnan(summary.figures["J-Decay"])
    assert summary.figures["J-Decay-corrected"] == 0
    assert any("256" in note and "long object 1" in note for note in summary.notes)


def report(objects: list[ObjectScores], rule: ScoringRule = DAVIS) -> EvaluationReport:
    measure = load_measure(rule.measure)
    return EvaluationReport(
        "davis2017", "val", "preds", rule, rule.measure, measure, tuple(objects), ("a note",)
    )


def test_json_holds_everything_and_no_nan():
    value = report([scores("a", 1, 0.25, 0.75), scores("b", 2, 0.5, 0.5, count=0)]).as_json()
    text = json.dumps(value, allow_nan=False)
    assert json.loads(text)["figures"]["J&F-Mean"] == 0.5
    first, second = value["objects"]
    assert first["per_frame"]["J"] == [0.25] * 4
    assert (first["video"], first["object"], first["frames"]) == ("a", 1, 4)
    assert second["J-Mean"] is None
    assert "a note" in value["notes"]


def test_csv_has_one_line_per_object():
    made = report([scores("a", 1, 0.25, 0.75), scores("b", 2, 0.5, 0.5, count=0)])
    text = made.as_csv()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == list(made.object_columns)
    assert [row["video"] for row in rows] == ["a", "b"]
    assert (float(rows[0]["J&F-Mean"]), rows[1]["J-Mean"]) == (0.5, "")


@pytest.mark.parametrize(
    ("rule", "shown", "hidden"),
    [
        (DAVIS, ["J&F-Mean", "J-Recall", "25.00", "in per cent", "note: a note"], ["corrected"]),
        (youtube("yak"), ["G", "J-unseen", "25.00", "category", "cat"], ["Decay-corrected"]),
    ],
)
def test_table(rule, shown, hidden):
    console = Console(width=150, file=io.StringIO())
    console.print(report([scores("a", 1, 0.25, 0.75, "cat")], rule).table(per_object=True))
    text = console.file.getvalue()
    assert all(word in text for word in shown)
    assert not any(word in text for word in hidden)
