"""Options of online fine-tuning on the command line and in inference recipes."""

from __future__ import annotations

import pytest

from vostool.cli.main import main
from vostool.stages.predict import infer as stage

COMMON = ["infer", "--checkpoint", "c.ckpt", "--dataset", "davis2017", "--root", "d",
          "--split", "val"]  # fmt: skip
RECIPE = """
description = "tuned to each video"
[inference]
views = "flip"
[inference.online_finetune]
iterations = 30
learning_rate = 1e-4
clips = { gamma = 0.0 }
"""


def call(*options):
    with pytest.raises(SystemExit) as caught:
        main([*COMMON, *map(str, options)])
    return caught.value.code


@pytest.fixture
def settings(monkeypatch):
    """Collects the settings that the stage is called with."""
    seen = []

    def infer(checkpoints, videos, out, settings, *more, **others):
        seen.append(settings)
        return stage.InferenceResult(out, (), 0, 1.0)

    monkeypatch.setattr(stage, "infer", infer)
    return seen


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--no-online-finetune", "--set", "online_finetune.iterations=5"], "has no effect with"),
        (["--set", "online_finetune.iterations=0"], "online_finetune.iterations: "),
        (["--online-finetune", "--set", "online_finetune=none"], "say the same"),
    ],
)
def test_mistakes_are_one_sentence(options, words, tmp_path, capsys):
    assert call("--out", tmp_path / "out", *options) == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


FEWER = ["--set", "online_finetune.iterations=9"]


@pytest.mark.parametrize(
    ("options", "iterations"),
    [([], None), (["--online-finetune"], 200), (["--online-finetune", *FEWER], 9), (FEWER, 9)],
)
def test_the_options_reach_the_stage(options, iterations, settings, tmp_path):
    assert not call("--out", tmp_path / "out", *options)
    tuned = settings[0].inference.online_finetune
    assert (None if tuned is None else tuned.iterations) == iterations


def test_a_recipe_may_hold_all_numbers_and_the_command_line_wins(settings, tmp_path):
    recipe = tmp_path / "tuned.toml"
    recipe.write_text(RECIPE)
    call("--out", tmp_path / "out", "--recipe", recipe)
    tuned = settings[0].inference.online_finetune
    assert (tuned.iterations, tuned.late_iterations, tuned.learning_rate) == (30, 50, 1e-4)
    assert tuned.clips.gamma == 0
    assert settings[0].inference.views.written == "flip"
    call("--out", tmp_path / "out", "--recipe", recipe, "--no-online-finetune")
    assert settings[1].inference.online_finetune is None
    for more in ([], ["--online-finetune"]):
        few = ["--set", "online_finetune.iterations=4"]
        call("--out", tmp_path / "out", "--recipe", recipe, *few, *more)
        tuned = settings[-1].inference.online_finetune
        assert (tuned.iterations, tuned.late_iterations, tuned.learning_rate) == (4, 50, 1e-4)
        assert tuned.clips.gamma == 0
    call("--out", tmp_path / "out", "--recipe", recipe, "--online-finetune")
    assert settings[-1].inference.online_finetune.iterations == 30


ZOOMING = """
description = "zooms"
[inference]
short_side = 240
[inference.crop_zoom]
tracker = "mil"
largest_side = 150
"""


def test_flags_win_over_recipes_value_by_value(settings, tmp_path):
    """A recipe's tracker and thresholds go with its crop-then-zoom, or stay with it."""
    recipe = tmp_path / "zooming.toml"
    recipe.write_text(ZOOMING)

    def chosen(*options):
        settings.clear()
        assert not call("--out", tmp_path / "out", "--recipe", recipe, *options)
        return settings[0].inference

    assert chosen("--no-crop-zoom").crop_zoom is None
    assert chosen("--no-crop-zoom").short_side == 240
    for options in (
        ["--set", "crop_zoom.margin=2"],
        ["--crop-zoom", "--set", "crop_zoom.margin=2"],
    ):
        zoom = chosen(*options).crop_zoom
        assert (zoom.margin, zoom.tracker, zoom.largest_side) == (2, "mil", 150)
    zoom = chosen("--crop-zoom").crop_zoom
    assert (zoom.margin, zoom.tracker, zoom.largest_side) == (2.5, "mil", 150)
    assert chosen("--short-side", "none").short_side is None
    assert chosen("--set", "short_side=none").short_side is None
    assert chosen("--set", "crop_zoom=none").crop_zoom is None
    assert chosen("--set", "crop_zoom.tracker=mask-box").crop_zoom.tracker == "mask-box"
    few = chosen("--set", "online_finetune.iterations=5")
    assert list(few.wrappers) == ["online_finetune", "crop_zoom"]
    assert few.crop_zoom.largest_side == 150


def test_unknown_numbers_in_a_recipe_are_named(tmp_path, capsys):
    recipe = tmp_path / "tuned.toml"
    recipe.write_text(RECIPE + "speed = 3\n")
    assert call("--out", tmp_path / "out", "--recipe", recipe) == 2
    assert "inference.online_finetune.speed" in capsys.readouterr().err
