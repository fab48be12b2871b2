"""Recipes: shipped ones are right, wrong ones are explained completely."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from vostool.core import registry
from vostool.core.errors import DataError, UsageError
from vostool.core.recipe_files import recipe_names
from vostool.nn import torchvision_compat
from vostool.recipe import (
    Recipe,
    build_model,
    load_recipe,
    parse_recipe,
    with_overrides,
)
from vostool.stages.train.recipes import as_toml
from vostool.training import objective
from vostool.training.clips.curriculum import SkipCurriculum

PAPER_RECIPES = [
    f"famnet-{trunk}{stage}" for trunk in ("r50", "rx50") for stage in ("-pretrain", "", "-sgd")
] + ["stm-r50-pretrain", "stm-r50"]


def write(folder: Path, name: str, text: str) -> str:
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


MINIMAL = """
description = "a test"
[model]
name = "stm"
[data.static]
stills = "image-folder"
[loop]
iterations = 5
"""


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipes_are_valid_and_print_as_themselves(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    again = load_recipe(write(tmp_path, name, as_toml(recipe)))
    assert again == recipe
    assert parse_recipe(recipe.resolved(), name) == recipe


def test_the_papers_recipes_are_there() -> None:
    assert set(PAPER_RECIPES) <= set(recipe_names())


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("stm-r50", "optimiser.learning_rate", 1e-5),
        ("stm-r50", "loop.batch", 4),
        ("stm-r50-pretrain", "synthesis.crop", (384, 384)),
        ("famnet-r50-pretrain", "loop.batch", 6),
        ("famnet-r50", "loop.batch", 3),
        ("famnet-r50", "clip.crop", (384, 640)),
        ("famnet-r50", "clip.reverse", 0.5),
        ("famnet-r50", "curriculum.max_skip", ((0.0, 25),)),
        ("famnet-r50", "optimiser.name", "adam"),
        ("famnet-r50", "schedule.name", "step"),
        ("famnet-r50-sgd", "optimiser.name", "sgd"),
        ("famnet-r50-sgd", "optimiser.learning_rate", 1e-4),
        ("famnet-r50-sgd", "clip.crop", (384, 640)),
        ("famnet-rx50-sgd", "optimiser.name", "sgd"),
    ],
)
def test_values_of_the_papers(name: str, key: str, value: object) -> None:
    found = load_recipe(name)
    for step in key.split("."):
        found = getattr(found, step)
    assert found == value


def weights_of(recipe: Recipe) -> dict[str, float]:
    return {name: values["weight"] for name, values in recipe.losses.items()}


def test_losses_of_the_papers() -> None:
    assert weights_of(load_recipe("stm-r50")) == {"cross_entropy": 1}
    assert weights_of(load_recipe("famnet-r50")) == {"cross_entropy": 1, "lovasz": 1}


def test_weights_of_losses_are_extended_and_overridden(tmp_path: Path) -> None:
    base = MINIMAL + '[losses]\niou = 2\n[losses.coarse]\nkind = "iou"\nof = "coarse"\n'
    write(tmp_path, "base", base)
    child = 'extends = "base"\ndescription = "child"\n[losses]\ncoarse = 0.5\nlovasz = 0.25\n'
    recipe = load_recipe(write(tmp_path, "child", child), ["losses.iou=3", "losses.lovasz=0"])
    assert weights_of(recipe) == {"cross_entropy": 1, "iou": 3, "coarse": 0.5}
    assert recipe.losses["coarse"]["of"] == "coarse"
    assert weights_of(with_overrides(recipe, ["losses.cross_entropy=0"]))["cross_entropy"] == 0
    changed = with_overrides(recipe, ["losses.coarse.kind=lovasz"])
    assert changed.losses["coarse"]["kind"] == "lovasz"


@pytest.mark.parametrize(("name", "clips"), [("stm-r50", 3771), ("yu-r50", 3321)])
def test_gaps_between_frames_grow_as_stm_says(name: str, clips: int) -> None:
    """5 frames more every 20 of 260 epochs, from neighbours to 25, and no drop at the end."""
    recipe = load_recipe(name)
    curriculum = SkipCurriculum(recipe.curriculum.max_skip, samples=260 * clips)
    for epoch in range(260):
        for sample in (epoch * clips, epoch * clips + clips - 1):
            assert curriculum.max_skip(sample) == max(1, min(25, 5 * (epoch // 20)))


@pytest.mark.parametrize("name", recipe_names())
def test_imagenet_means_the_weights_of_the_papers(name: str) -> None:
    """torchvision's first ones, which timm tags tv_in1k, and ResNeSt's own."""
    values = load_recipe(name).model.values
    if values["weights"] != "imagenet":
        return
    torchvision_compat.enable()
    import timm

    config = timm.get_pretrained_cfg(values["backbone"])
    assert f".{config.tag}" in values["backbone"]
    own = "in1k" if "resnest" in values["backbone"] else "tv_in1k"
    assert config.tag == own
    assert (list(config.mean), list(config.std)) == (values["mean"], values["std"])


def undescribed(kind: type[BaseModel], place: str) -> list[str]:
    """Values without a description, also those of groups inside."""
    found = []
    for name, field in kind.model_fields.items():
        groups = groups_in(field.annotation)
        found += [place + name] if not groups and not field.description else []
        for group in groups:
            found += undescribed(group, f"{place}{name}.")
    return found


def groups_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [group for part in get_args(annotation) for group in groups_in(part)]


def test_every_value_says_what_it_is() -> None:
    """Reference and help are made of the descriptions."""
    assert undescribed(Recipe, "") == ["name"]  # which is the file's
    for name in registry.names(objective.PACKAGE):
        options = registry.load(objective.PACKAGE, name, kind="loss").Options
        assert undescribed(options, f"{name}.") == []


def test_fifty_epochs_of_sgd() -> None:
    recipe = load_recipe("famnet-r50-sgd")
    clips = recipe.loop.iterations * recipe.loop.batch * 4
    assert clips == pytest.approx(50 * 3471, rel=1e-3)


def test_second_backbone_has_no_figures_of_the_first() -> None:
    recipe = load_recipe("famnet-rx50")
    assert recipe.model.values["backbone"] == "resnext50_32x4d.tv_in1k"
    assert recipe.papers == {}
    assert load_recipe("famnet-r50").papers


def test_all_mistakes_are_listed_with_close_names(tmp_path: Path) -> None:
    text = MINIMAL.replace("iterations", "iteratons").replace("image-folder", "x") + "batch = 0\n"
    text += '[optimiser]\nlearning_rat = 1\n[model2]\n[losses.cross_entropy.bootstrap]\nend = "x"\n'
    text = text.replace('name = "stm"', 'name = "stm"\nbakbone = "resnet18"')
    with pytest.raises(UsageError) as caught:
        load_recipe(write(tmp_path, "wrong", text))
    message = str(caught.value)
    for part in (
        "mistakes:",
        "wrong.toml",
        "unknown key optimiser.learning_rat (did you mean learning_rate?)",
        "unknown key loop.iteratons (did you mean iterations?)",
        "loop.iterations is missing",
        "unknown key model2 (did you mean model?)",
        "unknown key model.bakbone (did you mean backbone?)",
        "loop.batch: ",
        "losses.cross_entropy.bootstrap.end: ",
    ):
        assert part in message
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('[model]\nname = "smt"', "unknown model 'smt': did you mean stm?"),
        ('[data.static]\nvideo = "davis2016"\nstills = "voc"', "either video or stills"),
        ("[validation]\nevery = 5", "data must name a data entry"),
        ('[validation]\nevery = 5\ndata = "other"', "names 'other', which is not under data"),
        ('[validation]\nevery = 5\ndata = "static"', "names 'static', which has no videos"),
        ("[curriculum]\nmax_skip = [[0.5, 5]]", "begin at 0"),
        ("[data.static]\nweight = 0.0", "no data entry has a weight above 0"),
        (
            '[data.more]\nvideo = "davis2016"\n[clip]\nframes = 4\n[synthesis]\nframes = 3',
            "must be equal in a mixture",
        ),
    ],
)
def test_values_that_contradict_each_other(tmp_path: Path, change: str, message: str) -> None:
    base = write(tmp_path, "base", MINIMAL)
    assert load_recipe(base)
    text = f'extends = "base"\ndescription = "changed"\n{change}\n'
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        load_recipe(write(tmp_path, "changed", text))


def test_clips_of_a_mixture_are_as_large_as_those_from_videos(tmp_path: Path) -> None:
    write(tmp_path, "base", MINIMAL)
    clip = "[clip]\nframes = 4\ncrop = [64, 96]\n"
    start = 'extends = "base"\ndescription = "changed"\n'
    alone = load_recipe(write(tmp_path, "alone", start + clip))
    assert (alone.synthesis.frames, alone.synthesis.crop) == (3, (384, 384))
    video = '[data.more]\nvideo = "davis2016"\n'
    mixed = load_recipe(write(tmp_path, "mixed", start + video + clip), ["clip.crop=[48,80]"])
    assert (mixed.synthesis.frames, mixed.synthesis.crop) == (4, (48, 80))


def test_extends_merges_tables_and_replaces_lists(tmp_path: Path) -> None:
    write(tmp_path, "base", MINIMAL + "[synthesis]\ncrop = [64, 96]\nmax_objects = 2\n")
    text = 'extends = "base"\ndescription = "child"\n[synthesis]\ncrop = [80, 80]\n'
    recipe = load_recipe(write(tmp_path, "child", text))
    assert recipe.synthesis.crop == (80, 80)
    assert recipe.synthesis.max_objects == 2
    assert recipe.name == "child"


def test_extending_in_a_circle(tmp_path: Path) -> None:
    first = write(tmp_path, "first", 'extends = "second"')
    write(tmp_path, "second", 'extends = "first"')
    with pytest.raises(DataError, match="circle: first -> second -> first"):
        load_recipe(first)


def test_not_toml(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not a TOML file.*line 1.*broken\.toml"):
        load_recipe(write(tmp_path, "broken", "a = = 1"))


def test_overrides(tmp_path: Path) -> None:
    overrides = [
        "loop.batch=2",
        "optimiser.name=sgd",
        "synthesis.crop=[64, 96]",
        "data.static.weight = 0.5",
        "optimiser.learning_rate=3e-4",
    ]
    recipe = load_recipe(write(tmp_path, "base", MINIMAL), overrides)
    assert (recipe.loop.batch, recipe.optimiser.name) == (2, "sgd")
    assert recipe.synthesis.crop == (64, 96)
    assert recipe.data["static"].weight == 0.5
    assert recipe.optimiser.learning_rate == 3e-4
    assert with_overrides(recipe, ["loop.batch=3"]).loop.batch == 3
    assert with_overrides(recipe, []) == recipe


@pytest.mark.parametrize("text", ["loop.batch", "=3", "loop..batch=3", "description.x=1"])
def test_overrides_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="--set"):
        load_recipe(write(tmp_path, "base", MINIMAL), [text])


def test_unknown_recipes() -> None:
    with pytest.raises(UsageError, match=r"did you mean famnet-r50\?"):
        load_recipe("famnet_r50")
    with pytest.raises(UsageError, match="no such recipe file"):
        load_recipe("nowhere/x.toml")


def test_trunks_without_batch_norm_see_no_zero_padding() -> None:
    """Group and layer normalisation take the zeros into their means (0.14 against 0.34 in J)."""
    found = []
    for name in recipe_names():
        model = load_recipe(name).model.model_dump(mode="json")
        if "norm_layer" in model.get("backbone_options", {}):
            found.append(name)
            assert build_model(load_recipe(name).model, weights="none").input_spec.pad is False
    assert "demo-famnet" in found
