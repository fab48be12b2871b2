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
tta = "flip"
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

    def infer(checkpoints, videos, out, settings, **more):
        seen.append(settings)
        return stage.InferenceResult(out, (), 0, 1.0)

    monkeypatch.setattr(stage, "infer", infer)
    return seen


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--ft-iterations", "5"], "no effect without fine-tuning: pass --online-finetune too"),
        (["--online-finetune", "--ft-iterations", "0"], "--ft-iterations 0 makes no sense"),
        (["--no-online-finetune", "--ft-iterations", "5"], "--ft-iterations 5"),
    ],
)
def test_mistakes_are_one_sentence(options, words, tmp_path, capsys):
    assert call("--out", tmp_path / "out", *options) == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "iterations"),
    [([], None), (["--online-finetune"], 200), (["--online-finetune", "--ft-iterations", 9], 9)],
)
def test_the_options_reach_the_stage(options, iterations, settings, tmp_path):
    assert not call("--out", tmp_path / "out", *options)
    tuned = settings[0].online_finetune
    assert (None if tuned is None else tuned.iterations) == iterations


def test_a_recipe_may_hold_all_numbers_and_the_command_line_wins(settings, tmp_path):
    recipe = tmp_path / "tuned.toml"
    recipe.write_text(RECIPE)
    assert not call("--out", tmp_path / "out", "--recipe", recipe)
    tuned = settings[0].online_finetune
    assert (tuned.iterations, tuned.late_iterations, tuned.learning_rate) == (30, 50, 1e-4)
    assert tuned.clips.gamma == 0
    assert settings[0].tta == "flip"
    call("--out", tmp_path / "out", "--recipe", recipe, "--no-online-finetune")
    assert settings[1].online_finetune is None
    for more in (["--ft-iterations", 4], ["--online-finetune", "--ft-iterations", 4]):
        call("--out", tmp_path / "out", "--recipe", recipe, *more)
        tuned = settings[-1].online_finetune
        assert (tuned.iterations, tuned.late_iterations, tuned.learning_rate) == (4, 4, 1e-4)
        assert tuned.clips.gamma == 0
    call("--out", tmp_path / "out", "--recipe", recipe, "--online-finetune")
    assert settings[-1].online_finetune.iterations == 30


def test_unknown_numbers_in_a_recipe_are_named(tmp_path, capsys):
    recipe = tmp_path / "tuned.toml"
    recipe.write_text(RECIPE + "speed = 3\n")
    assert call("--out", tmp_path / "out", "--recipe", recipe) == 2
    assert "inference.online_finetune.speed" in capsys.readouterr().err
