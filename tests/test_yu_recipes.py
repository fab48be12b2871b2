"""Recipes of "Towards Good Practices" (paper 004) hold its values; small ones fit together."""

from __future__ import annotations

import pytest

from vostool.core.recipe_files import recipe_names
from vostool.recipe import load_recipe
from vostool.stages.predict.inference_recipe import read_inference_recipe, stated

STAGES = ("yu-r50-pretrain", "yu-r50", "yu-refine50-pretrain", "yu-refine50")
SMALL = (
    "yu-mnv2-small-pretrain",
    "yu-mnv2-small",
    "yu-refine-mnv2-small-pretrain",
    "yu-refine-mnv2-small",
)
GPUS = 4


@pytest.mark.parametrize("name", STAGES)
def test_values_of_the_paper(name: str) -> None:
    recipe = load_recipe(name)
    crop = recipe.synthesis.crop if name.endswith("pretrain") else recipe.clip.crop
    assert crop == (384, 384)
    assert (recipe.optimiser.name, recipe.optimiser.learning_rate) == ("adam", 1e-5)
    assert recipe.schedule.name == "constant"
    weights = {name: values["weight"] for name, values in recipe.losses.items()}
    assert weights == {"cross_entropy": 1.0}
    assert recipe.loop.batch == 4
    assert recipe.model.values["backbone"] == "resnet50.tv_in1k"
    assert (recipe.model.values["context"]["name"] == "pyramid") == ("refine" in name)


def test_amount_of_training() -> None:
    pretrain, main = load_recipe("yu-r50-pretrain"), load_recipe("yu-r50")
    assert pretrain.loop.iterations * GPUS * pretrain.loop.batch == 2_000_000
    epochs = main.loop.iterations * GPUS * main.loop.batch / 3321
    assert epochs == pytest.approx(260, rel=0.01)
    # One checkpoint per epoch, ten of them to choose from.
    assert main.checkpoints.every * GPUS * main.loop.batch == pytest.approx(3321, rel=0.01)
    assert main.checkpoints.keep == 10


@pytest.mark.parametrize(
    ("name", "entry"),
    [("yu-r50-pretrain", "youtubevos2019"), ("yu-mnv2-small-pretrain", "davis2016")],
)
def test_video_frames_are_stills_without_held_out_videos(name: str, entry: str) -> None:
    with_frames = load_recipe(name).data[entry]
    assert (with_frames.stills, with_frames.section) == ("video-frames", "train")
    assert with_frames.weight > 0
    without = "-no-youtube" if "r50" in name else "-no-frames"
    assert load_recipe(f"{name}{without}").data[entry].weight == 0


@pytest.mark.parametrize(("big", "small"), list(zip(STAGES, SMALL, strict=True)))
def test_small_versions_are_the_same_system(big: str, small: str) -> None:
    assert {big, small} <= set(recipe_names())
    one, other = load_recipe(big), load_recipe(small)
    for key in ("name", "encoder", "context", "mixer", "prior", "refinement"):
        assert one.model.model_dump()[key] == other.model.model_dump()[key]
    assert one.losses == other.losses


def test_inference() -> None:
    yu, famnet = (stated(read_inference_recipe(name).inference) for name in ("yu", "famnet"))
    assert (yu["views"], yu["memory"]) == ("flip,0.75,1.0", ["every:5"])
    assert famnet["memory"] == ["every:5", "visible"]
    # Both papers leave the size at scale 1 open: the recipes say it.
    assert yu["short_side"] == famnet["short_side"] == 480
