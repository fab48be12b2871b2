"""Each measure's worked example: figures that the official code gave for the toy sequence."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from toy import score_toy, toy_video

from vostool.core import registry
from vostool.core.types import VideoObject
from vostool.datasets.spec import ScoringRule
from vostool.scoring.measure import ENTRY_POINT_GROUP, PACKAGE, Better, load_measure

EXAMPLES: dict[str, Callable[[], None]] = {}
"""Every measure needs one; an entry point's measure is tested by whoever wrote it."""


def example(name: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def keep(check: Callable[[], None]) -> Callable[[], None]:
        EXAMPLES[name] = check
        return check

    return keep


def expect(found: dict[str, float], wanted: dict[str, float], tolerance: float = 1e-6) -> None:
    assert {name: found[name] for name in wanted} == pytest.approx(
        wanted, abs=tolerance, nan_ok=True
    )


@example("davis")
def davis() -> None:
    measure, rule = load_measure("davis"), ScoringRule("davis", skip_last=True)
    (first, second), summary = score_toy(measure, rule)
    assert first.shown["J"] == pytest.approx([5 / 11, 5 / 11, 0, 1, 0, 5 / 11, 1])
    assert first.shown["F"] == pytest.approx([0.625, 0.625, 0, 1, 0, 0.625, 1])
    assert second.shown["J"] == pytest.approx([0.785714] * 7, abs=1e-6)
    assert second.shown["F"] == pytest.approx([0.795918] * 7, abs=1e-6)
    expect(measure.object_figures(first, rule), {"J-Mean": 0.480519, "F-Mean": 0.553571})
    wanted = {"J&F-Mean": 0.653931, "J-Mean": 0.633117, "J-Recall": 0.642857}
    wanted |= {"J-Decay": -0.212121, "F-Mean": 0.674745, "F-Recall": 0.857143}
    expect(summary.figures, wanted | {"F-Decay": -0.197917})


@example("youtube-vos")
def youtube_vos() -> None:
    """There is no official code; by the formula, with object 2 unseen."""
    rule = ScoringRule("youtube-vos", skip_last=False, unseen=frozenset({"yak"}))
    _, summary = score_toy(load_measure("youtube-vos"), rule)
    expect(summary.figures, {"G": 0.655351, "J-unseen": 0.785714, "F-unseen": 0.795918})


@example("lvos")
def lvos() -> None:
    """Ranges, padding and several videos: `test_lvos.py`."""
    rule = ScoringRule("lvos", skip_last=True, unseen=frozenset({"yak"}))
    _, summary = score_toy(load_measure("lvos"), rule)
    wanted = {"V-seen-Mean": 0.378418, "V-unseen-Mean": 0, "J-seen-Mean": 0.480519}
    expect(summary.figures, wanted | {"F-seen-Mean": 0.553571, "J-unseen-Mean": 0.785714})


@example("mosev2")
def mosev2() -> None:
    """Pairs with other sizes and radii: `test_mosev2.py`."""
    measure, rule = load_measure("mosev2"), ScoringRule("mosev2", skip_last=True)
    (first, second), summary = score_toy(measure, rule)
    one = {"J": 0.513915, "F_new": 0.5, "F": 0.553571, "disappear_J": 0.8}
    one |= {"disappear_F_new": 0.75, "reappear_J": 0.238029, "reappear_F_new": 0.25}
    expect(measure.object_figures(first, rule), one)
    j = [0.460674, 0.460674, 0.2, 1, 0.015385, 0.460674, 1]
    assert first.shown["J"] == pytest.approx(j, abs=1e-6)
    assert first.shown["F_new"][[0, 1, 5]] == pytest.approx([0.5] * 3)
    assert first.extras["F"][[0, 1, 5]] == pytest.approx([0.625] * 3)
    assert second.shown["J"] == pytest.approx([0.786982] * 7, abs=1e-6)
    assert second.shown["F_new"] == pytest.approx([0.723722] * 7, abs=1e-6)
    assert second.extras["F"].tolist() == second.shown["F_new"].tolist()
    totals = [63.12, 65.04, 61.19, 77.5, 24.4, 63.86, 64.45]
    assert [round(100 * value, 2) for value in summary.figures.values()] == totals


@example("vos-benchmark")
def vos_benchmark() -> None:
    """Objects that are seen late or overlap: `test_sav.py`."""
    measure, rule = load_measure("vos-benchmark"), ScoringRule("vos-benchmark", skip_last=True)
    _, summary = score_toy(measure, rule)
    expect(summary.figures, {"J&F": 0.65393089, "J": 0.633117, "F": 0.674745})


@example("hota")
def hota() -> None:
    """Reading and writing run-length codes: `test_burst.py`."""
    objects = (VideoObject(1, "00000", "4:airplane"), VideoObject(2, "00000", "1:aerosol_can"))
    rule = ScoringRule("hota", skip_first=False, skip_last=False)
    _, summary = score_toy(load_measure("hota"), rule, toy_video(objects))
    wanted = {"HOTA": 0.59402517, "HOTA-common": 0.38619275, "HOTA-uncommon": 0.80185759}
    expect(summary.figures, wanted)


@example("vost")
def vost() -> None:
    measure, rule = load_measure("vost"), ScoringRule("vost", skip_last=True)
    (first, second), summary = score_toy(measure, rule)
    expect(measure.object_figures(first, rule), {"J-Mean": 0.480519, "J_last-Mean": 0.727273})
    expect(measure.object_figures(second, rule), {"J-Mean": 0.785714, "J_last-Mean": 0.785714})
    wanted = {"J-Mean": 0.633117, "J-Recall": 0.642857, "J-Decay": -0.212121}
    wanted |= {"J_last-Mean": 0.756494, "J_last-Recall": 0.75, "J_last-Decay": -0.272727}
    expect(summary.figures, wanted)


MEASURES = registry.names(PACKAGE, ENTRY_POINT_GROUP)


@pytest.mark.parametrize("name", MEASURES)
def test_worked_example(name):
    EXAMPLES[name]()


@pytest.mark.parametrize("name", MEASURES)
def test_columns_say_what_they_are(name):
    """Figures are those of the columns in their order; each column has a meaning of its own."""
    measure = load_measure(name)
    _, summary = score_toy(measure, ScoringRule(name))
    assert list(summary.figures) == [column.name for column in measure.columns]
    assert all(column.meaning and column.better in Better for column in measure.columns)
    assert measure.title and measure.source
