"""`vostool postprocess`."""

from __future__ import annotations

import numpy as np
import pytest

from vostool.cli.main import main
from vostool.predictions.folder import PredictionFolder, PredictionWriter


@pytest.fixture
def folder(tmp_path):
    mask = np.zeros((20, 30), np.uint8)
    mask[2:12, 2:12], mask[18, 28] = 1, 1
    for frame in ("00000", "00001"):
        PredictionWriter(tmp_path / "preds").write_mask("cat", frame, mask)
    return tmp_path / "preds"


def call(*arguments) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return stopped.value.code or 0


def test_filters_a_folder(folder, tmp_path, capsys):
    out = tmp_path / "final"
    code = call("postprocess", folder, "--steps", "keep-near-last,drop-small", "--out", out)
    shown = capsys.readouterr()
    assert code == 0
    assert str(out) in shown.out
    assert "first frame with an object is taken as the given one" in shown.err
    found = PredictionFolder(out)
    assert found.mask("cat", "00000")[18, 28] == 1
    assert found.mask("cat", "00001")[18, 28] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--steps", "drop-smal"], 2, ["drop-smal", "did you mean drop-small"]),
        (["--steps", ","], 2, ["no step", "fill-holes"]),
        (["--steps", "drop-small", "--set", "drop-small.area=1"], 2, ["'area'", "min-area"]),
        (["--steps", "drop-small", "--dataset", "davis2017"], 2, ["split of davis2017", "--split"]),
        (["--steps", "drop-small", "--out", "preds"], 2, ["never written over"]),
    ],
)
def test_one_sentence_says_what_is_wrong(
    folder, tmp_path, capsys, monkeypatch, arguments, code, words
):
    monkeypatch.chdir(tmp_path)
    assert call("postprocess", folder, "--out", "new", *arguments) == code
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1
    assert all(word in error for word in words)
    assert not (tmp_path / "new").exists()


def test_a_missing_folder_is_named(tmp_path, capsys):
    arguments = ["postprocess", tmp_path / "none", "--steps", "drop-small", "--out", tmp_path / "o"]
    assert call(*arguments) == 1
    assert str(tmp_path / "none") in capsys.readouterr().err


def test_a_recipe_that_chose_no_step_copies_the_masks(folder, tmp_path, capsys):
    recipe = tmp_path / "tuned.toml"
    recipe.write_text('description = "what vostool tune writes where no step helps"\n')
    code = call("postprocess", folder, "--recipe", recipe, "--out", tmp_path / "final")
    shown = capsys.readouterr()
    assert code == 0
    assert "0.00% of the pixels changed" in shown.out
    assert f"{recipe} has no steps: the masks are copied as they are" in shown.err
    for frame in ("00000", "00001"):
        before, after = (
            PredictionFolder(place).mask("cat", frame) for place in (folder, tmp_path / "final")
        )
        assert (after == before).all()


def test_list_shows_steps_with_parameters(capsys):
    assert call("postprocess", "--list") == 0
    shown = capsys.readouterr().out
    assert "keep-near-last:" in shown
    assert "--set drop-small.min-area=64" in shown
