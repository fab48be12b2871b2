"""`cross-validate`: variants over folds and seeds, each scored on videos it has not seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_davis import RECIPE, write_davis

from vostool.cli.main import main
from vostool.core.errors import UsageError
from vostool.core.output import Output
from vostool.datasets.split import SplitFile, read_split
from vostool.recipe import load_recipe
from vostool.stages.choose import row_maker
from vostool.stages.choose.ablation_run import AblationRun
from vostool.stages.choose.cross_validate import _report, cross_validate, parse_variant, plan_of
from vostool.stages.choose.row_maker import Outcome, Trial
from vostool.stages.train.training_data import DataFolders

VARIANT = "fast: optimiser.learning_rate=2e-3 clip.reverse=0.0"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six videos in three folds, a recipe, and a run over two of the folds."""
    place = tmp_path_factory.mktemp("place")
    write_davis(place / "davis", train="abcdef")
    (place / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    command = ["split", "--dataset", "davis2016", "--root", str(place / "davis"), "--folds", "3"]
    assert call(*command, "--out", str(place / "folds")) == 0
    assert call(*arguments(place, "--variant", VARIANT)) == 0
    return place


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "-q"])
    return int(stop.value.code or 0)


def arguments(place: Path, *more: str) -> list[str]:
    recipe, folders = str(place / "tiny.toml"), f"davis2016={place / 'davis'}"
    chosen = ["--folds", str(place / "folds"), "--fold", "1", "--fold", "2", "--data", folders]
    where = ["--out", str(place / "out"), "--device", "cpu", "--workers", "0"]
    how = ["--pretrain", recipe, "--short-side", "48"]
    return ["cross-validate", recipe, *chosen, *where, *how, *more]


def test_each_trial_is_trained_and_the_stage_before_only_once(place: Path) -> None:
    found = sorted(str(p.parent.relative_to(place / "out/rows")) for p in place.rglob("best.ckpt"))
    assert found == [
        "base/seed-0-fold-1/1-tiny",
        "base/seed-0-fold-2/1-tiny",
        "fast/seed-0-fold-1/1-tiny",
        "fast/seed-0-fold-2/1-tiny",
        "pretrain/shared/1-tiny",
    ]
    recipe = json.loads((place / "out/rows/fast/seed-0-fold-1/1-tiny/recipe.json").read_text())
    assert (recipe["optimiser"]["learning_rate"], recipe["clip"]["reverse"]) == (2e-3, 0.0)
    held_out = {n for k in (1, 2) for n in read_split(place / f"folds/fold-{k}.json").val}
    shared = read_split(place / "out/shared-split.json")
    assert set(shared.val) == held_out
    assert set(shared.train) == set("abcdef") - held_out


def test_figures_are_of_held_out_videos(place: Path) -> None:
    """Compared with what `evaluate` wrote of each object; every video has one."""
    numbers = json.loads((place / "out/cross-validation.json").read_text())
    assert [item["name"] for item in numbers["variants"]] == ["base", "fast"]
    assert numbers["figure"] == "J&F-Mean"
    for item in numbers["variants"]:
        expected = {}
        for number in (1, 2):
            folder = place / f"out/rows/{item['name']}/seed-0-fold-{number}"
            held = read_split(place / f"folds/fold-{number}.json").val
            rows = json.loads((folder / "scores.json").read_text())["objects"]
            assert sorted(row["video"] for row in rows) == list(held)
            expected |= {row["video"]: (row["J-Mean"] + row["F-Mean"]) / 2 for row in rows}
            manifest = json.loads((folder / "predictions/run.json").read_text())
            assert manifest["settings"]["short_side"] == 48
        assert item["videos"] == pytest.approx(expected)
        assert item["spread"]["mean"] == pytest.approx(sum(expected.values()) / 4)
        assert item["minutes"] > 0
    assert "4 held-out videos of davis2016 (folds 1, 2; seeds 0)" in numbers["notes"][0]
    text = (place / "out/cross-validation.md").read_text(encoding="utf-8")
    assert "| variant | mean | over seeds | difference |" in text


def test_going_on_makes_only_what_is_missing(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_maker, "train", None)
    monkeypatch.setattr(row_maker, "infer", None)
    before = (place / "out/cross-validation.json").read_bytes()
    assert call(*arguments(place, "--variant", VARIANT, "--resume")) == 0
    assert (place / "out/cross-validation.json").read_bytes() == before
    assert "Cross-validation of tiny" in capsys.readouterr().out
    assert call(*arguments(place, "--variant", VARIANT)) == 1
    assert "not empty" in capsys.readouterr().err
    assert call(*arguments(place, "--variant", VARIANT, "--fold", "3", "--resume")) == 2
    assert "made with other folds" in capsys.readouterr().err


def test_training_on_one_fold(place: Path, tmp_path: Path, capsys) -> None:
    out, data = tmp_path / "run", f"davis2016={place / 'davis'}"
    common = ["train", str(place / "tiny.toml"), "--data", data, "--out", str(out)]
    assert call(*common, "--fold", "1") == 2
    assert "--split-file FOLDER" in capsys.readouterr().err
    assert call(*common, "--split-file", str(place / "folds")) == 2
    assert "choose a fold in it: --fold 1" in capsys.readouterr().err
    places = DataFolders.parse([data], place / "folds", fold=2)
    assert places.split_file == place / "folds/fold-2.json"


PLAN = """
title = "T"
description = "d"
paper_figure = "none"
evaluate = { dataset = "davis2016", SPLIT }
[[row]]
name = "a"
train = [{ recipe = "tiny" }]
[[row]]
name = "b"
SHARED
start = "a"
"""


def test_files_with_rows(place: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    file = tmp_path / "plan.toml"

    def write(split: str, shared: str = "") -> str:
        text = PLAN.replace("SPLIT", split).replace("SHARED", shared)
        file.write_text(text, encoding="utf-8")
        return str(file)

    run = AblationRun(Output(tmp_path / "out"), DataFolders({"davis2016": place / "davis"}))
    with pytest.raises(UsageError, match="the split val, not on held-out videos"):
        cross_validate(plan_of(write('split = "val"')), run, place / "folds")
    with pytest.raises(UsageError, match="row b is shared, and starts from a, which is not"):
        plan_of(write("section = true", "shared = true"))
    with pytest.raises(UsageError, match="has rows of its own"):
        plan_of(write("section = true"), variants=["x: a=b"])
    assert [row.name for row in plan_of(str(file)).row] == ["a", "b"]


@pytest.mark.parametrize("text", ["", "a", "a:", "a: b", "A b: c=1", 'a: c="1'])
def test_wrong_variants(text: str) -> None:
    with pytest.raises(UsageError, match="cannot read --variant"):
        parse_variant(text)


def test_variants_of_a_recipe(place: Path) -> None:
    assert parse_variant("x: a.b=[1,2] 'c.d=e f'") == ("x", ("a.b=[1,2]", "c.d=e f"))
    tiny = str(place / "tiny.toml")
    with pytest.raises(UsageError, match="two variants have one name"):
        plan_of(tiny, variants=["base: loop.seed=1"])
    with pytest.raises(UsageError, match="the variant x has the same values as base"):
        plan_of(tiny, variants=["x: loop.seed=0"])
    with pytest.raises(UsageError, match="the variant y has the same values as x"):
        plan_of(tiny, variants=["x: loop.seed=1", "y: loop.seed=1"])
    with pytest.raises(UsageError, match=r"unknown key loop\.sed"):
        plan_of(tiny, variants=["x: loop.sed=1"])
    with pytest.raises(UsageError, match="no videos to hold out"):
        plan_of("stm-mnv2-small-pretrain")


def test_rows_that_were_not_asked_for_are_not_in_the_table(place: Path, tmp_path: Path) -> None:
    plan = plan_of(str(place / "tiny.toml"), variants=["b: loop.seed=1", "c: loop.seed=2"])
    run = AblationRun(Output(tmp_path), DataFolders({}))
    folds = {1: SplitFile("davis2016", "train", 0, ("x",), ("v",))}
    found = {"c": {Trial(0, 1): Outcome({"J": 0.5}, {"v": {"J": 0.5}})}}
    report = _report(plan, run, folds, (0,), [plan.row[1]], found)
    assert [item.name for item in report.variants] == ["b", "c"]
    assert report.variants[1].scores == {(0, "v"): 0.5}


def test_the_shipped_plan_of_trainings_can_be_run() -> None:
    """Every recipe is read with its changes, and what is shared sees no frames of videos."""
    plan = plan_of("training-small")
    assert plan.evaluate.section
    changed = set()
    for row in plan.row:
        for stage in row.train:
            recipe = load_recipe(stage.recipe, stage.set)
            assert recipe.validation.every == 0
            changed |= {text.split("=")[0] for text in stage.set}
        if row.shared:
            assert not row.shown
            assert not recipe.data["frames"].weight
        else:
            assert row.start or row.members
    assert {"merge.probability", "loop.average", "curriculum.frames", "synthesis.window"} <= changed
    stills = next(row for row in plan.row if row.name == "stills").train[0]
    weights = {k: v.weight for k, v in load_recipe(stills.recipe, stills.set).data.items()}
    share = 1 - weights["davis2016"] / sum(weights.values())
    assert 0.3 <= share <= 0.4
