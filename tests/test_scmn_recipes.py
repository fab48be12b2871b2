"""Recipes of SCMN (paper 001) hold its values; each row of its table 2 is what its label says."""

from __future__ import annotations

import pytest

from vostool.recipe import Recipe, load_recipe
from vostool.stages.choose.ablation_plan import read_plan
from vostool.stages.predict.inference_recipe import read_inference_recipe, stated

MAIN = ("scmn-rs101", "scmn-rs50", "scmn-mnv2-small")
ASPP = {"name": "aspp", "rates": [2, 4, 8], "dropout": 0.0}
PARTS = ("prior", "refinement")


@pytest.mark.parametrize("name", [*MAIN, "scmn-rs101-pretrain", "scmn-rs50-pretrain"])
def test_network_and_losses(name: str) -> None:
    recipe = load_recipe(name)
    values = recipe.model.values
    assert recipe.model.name == "scmn"
    assert values["mixer"] == ASPP
    assert [values[part]["name"] for part in PARTS] == ["spatial-constraint", "residual"]
    # 64 channels beside a decoder of 256.
    assert values["decoder_channels"] / values["refinement"]["channels"] == 4
    terms = {name: (v["kind"], v["of"], v["weight"]) for name, v in recipe.losses.items()}
    assert terms == {
        "cross_entropy": ("cross_entropy", None, 1),
        "coarse": ("cross_entropy", "coarse", 1),
        "iou": ("iou", None, 1),
    }
    assert recipe.synthesis.previous == name.endswith("pretrain")
    assert recipe.clip.previous == (not name.endswith("pretrain"))


def test_values_of_the_paper() -> None:
    recipe, pretrain = load_recipe("scmn-rs101"), load_recipe("scmn-rs101-pretrain")
    assert (recipe.clip.frames, recipe.clip.crop, recipe.clip.short_side) == (
        3,
        (384, 640),
        (384, 1080),
    )
    assert {entry.video for entry in recipe.data.values()} == {"youtubevos2019", "davis2017"}
    assert not any(entry.optional for entry in recipe.data.values())
    assert pretrain.synthesis.crop == (384, 384)
    assert (recipe.optimiser.name, recipe.optimiser.learning_rate) == ("adam", 1e-5)
    assert (
        recipe.model.values["backbone"] == pretrain.model.values["backbone"] == "resnest101e.in1k"
    )
    assert recipe.papers["DAVIS 2017 test-dev J&F"] == "79.7"


@pytest.mark.parametrize("name", MAIN)
def test_last_tenth_of_the_training(name: str) -> None:
    curriculum = load_recipe(name).curriculum
    start, skip = curriculum.max_skip[-1]
    assert (start, curriculum.previous_until) == (0.9, 0.9)
    assert skip <= 5 < max(limit for _, limit in curriculum.max_skip)


def stages_of(plan_name: str) -> dict[str, Recipe]:
    """The last training of each row that has one."""
    plan = read_plan(plan_name)
    return {
        row.name: load_recipe(row.train[-1].recipe, row.train[-1].set)
        for row in plan.row
        if row.train
    }


@pytest.mark.parametrize("plan_name", ["scmn", "scmn-small"])
def test_rows_of_table_2(plan_name: str) -> None:
    papers = [row.paper for row in read_plan(plan_name).row if row.paper is not None]
    assert papers[-6:] == [75.1, 77.9, 78.9, 79.7, 81.2, 83.2]
    recipes = stages_of(plan_name)
    stm = recipes["resnest101" if plan_name == "scmn" else "baseline"]
    head, constraint, strategy = (
        recipes[name] for name in ("head", "spatial-constraint", "training-strategy")
    )
    assert (stm.model.name, list(stm.losses)) == ("stm", ["cross_entropy"])
    assert head.model.values["mixer"] == ASPP
    assert [head.model.values[part]["name"] for part in PARTS] == ["none", "residual"]
    assert (head.clip.previous, constraint.clip.previous) == (False, True)
    assert constraint.model == strategy.model
    assert constraint.model.values["prior"]["name"] == "spatial-constraint"
    assert (constraint.curriculum.previous_until, strategy.curriculum.previous_until) == (1.0, 0.9)
    late = strategy.curriculum.max_skip[-1]
    assert constraint.curriculum.max_skip == strategy.curriculum.max_skip[:-1]
    assert head.curriculum.max_skip == constraint.curriculum.max_skip
    assert late[0] == 0.9


def test_rows_differ_in_one_thing_only() -> None:
    """All but the model, its losses and the strategy is the same from the large backbone on."""
    recipes = stages_of("scmn")
    rows = ("resnest101", "head", "spatial-constraint", "training-strategy")
    common = [
        (r.data, r.clip.crop, r.clip.short_side, r.loop, r.optimiser, r.schedule, r.synthesis.crop)
        for r in map(recipes.__getitem__, rows)
    ]
    assert all(values == common[0] for values in common)
    assert recipes["baseline"].model.values["backbone"] == "resnet50.tv_in1k"


def test_inference() -> None:
    values = stated(read_inference_recipe("scmn").inference)
    assert (values["views"], values["memory"]) == ("flip,0.75,1.0,1.25", ["every:5"])
