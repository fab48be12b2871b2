"""Recipes of CAMN (paper 002) hold its values; each row of its table 2 is what its label says."""

from __future__ import annotations

import pytest

from vostool.models.systems import camn
from vostool.recipe import load_recipe
from vostool.stages.choose.ablation_plan import read_plan
from vostool.stages.predict.inference_recipe import read_inference_recipe

PARTS = ("neck", "pyramid_attention", "object_context", "memory")
MAIN = ("camn-r101", "camn-r50", "camn-mnv2-small")


@pytest.mark.parametrize("name", MAIN)
def test_the_whole_network_trained_one_frame_after_the_other(name: str) -> None:
    recipe = load_recipe(name)
    config = camn.Config.model_validate(recipe.model.values)
    assert [getattr(config, part) for part in PARTS] == ["fpn", "head", "base", "multiply"]
    assert recipe.clip.previous and recipe.curriculum.previous_until == 0.5
    assert recipe.curriculum.max_skip == ((0.0, 3),)
    assert all(side % 16 == 1 for side in recipe.clip.crop)
    terms = {key: value for key, value in recipe.losses.items() if value["weight"]}
    assert list(terms) == ["hardest_pixels"]
    assert (terms["hardest_pixels"]["ratio"], terms["hardest_pixels"]["until"]) == (0.15, 0.5)
    # The mean over the predicted frames.
    predicted = recipe.clip.frames - 1
    assert terms["hardest_pixels"]["weight"] * predicted == pytest.approx(1, abs=1e-4)


def test_values_of_the_paper() -> None:
    recipe = load_recipe("camn-r101")
    optimiser, schedule = recipe.optimiser, recipe.schedule
    assert (optimiser.name, optimiser.learning_rate, optimiser.nesterov) == ("sgd", 0.01, True)
    assert (optimiser.momentum, optimiser.weight_decay) == (0.9, 1.5e-4)
    assert (schedule.name, schedule.power, schedule.warmup) == ("poly", 0.9, 1000)
    assert schedule.final * optimiser.learning_rate == pytest.approx(1e-5)
    assert recipe.loop.iterations == 100_000
    assert (recipe.loop.batch, recipe.loop.clip_norm) == (8, 5.0)
    assert recipe.clip.crop == (465, 465)
    assert recipe.clip.max_objects == 5


@pytest.mark.parametrize("name", ["camn", "camn-small"])
def test_rows_of_table_2(name: str) -> None:
    plan = read_plan(name)
    parts = {}
    for row in plan.row:
        if row.train:
            stage = row.train[-1]
            values = load_recipe(stage.recipe, stage.set).model.values
            parts[row.name] = tuple(values[part] for part in PARTS)
    assert parts == {
        "baseline": ("none", "off", "off", "off"),
        "fpn": ("fpn", "off", "off", "off"),
        "pan": ("fpn", "head", "off", "off"),
        "path-aggregation": ("fpn+pan", "off", "off", "off"),
        "object-context": ("fpn", "head", "base", "off"),
        "memory-multiply": ("fpn", "head", "base", "multiply"),
        "memory-prior": ("fpn", "head", "base", "prior"),
    }
    papers = [row.paper for row in plan.row if row.paper]
    assert papers == [81.3, 81.6, 82.0, 82.0, 82.1, 82.9, 81.5, 83.6, 83.7]
    assert plan.named("post-processing").postprocess.steps == ("keep-near-last",)


def test_inference_is_with_the_scales_of_cfbi() -> None:
    options = read_inference_recipe("camn").inference
    assert options.long_side == 800
    views = options.views
    assert [view.scale for view in views if not view.flip] == [1.0, 1.15, 1.3, 1.5]
    assert sum(view.flip for view in views) == 4
