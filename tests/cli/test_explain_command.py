"""`vostool explain` writes pictures, and says what it cannot draw."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from small_davis import RECIPE, write_davis

from vostool.cli.main import main
from vostool.core.toml import read_toml
from vostool.recipe import build_model, parse_recipe
from vostool.reporting.relevance import draw_heat, side_by_side
from vostool.training.checkpoints.checkpoint import describe, save_checkpoint


def call(*arguments) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["explain", *map(str, arguments)])
    return caught.value.code


@pytest.fixture(scope="module")
def common(tmp_path_factory) -> list:
    folder = tmp_path_factory.mktemp("explain")
    (folder / "r.toml").write_text(RECIPE)
    recipe = parse_recipe({"name": "r", **read_toml(folder / "r.toml")}, "r")
    torch.manual_seed(0)
    save_checkpoint(
        folder / "stm.ckpt", build_model(recipe.model), describe(recipe.resolved(), 0, {})
    )
    root = write_davis(folder / "DAVIS")
    return ["--checkpoint", folder / "stm.ckpt", "--dataset", "davis2016", "--root", root,
            "--split", "val", "--video", "d", "--device", "cpu"]  # fmt: skip


def test_a_picture_has_the_frame_and_the_memory_frames_side_by_side(common, tmp_path, capsys):
    out = tmp_path / "pictures"
    assert call(*common, "--pixel", "12,20", "--memory", "every:1", "--out", out) == 0
    (path,) = out.iterdir()
    assert path.name == "relevance-00003-1.png"
    assert str(path) in capsys.readouterr().out
    height, width = cv2.imread(str(path)).shape[:2]
    assert width >= 4 * 64 and 48 <= height < 2 * 48  # frame 3, then frames 0, 1 and 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--frame", "00009"], "has no frame 00009"),
        (["--object", "4"], "has no object 4"),
        (["--pixel", "5"], "write --pixel X,Y"),
        (["--pixel", "64,0"], "outside of the frame"),
        (["--frame", "00000"], "nothing is read in frame 00000"),
        (["--memory", "evry:5"], "did you mean every"),
    ],
)
def test_mistakes_are_one_sentence(common, tmp_path, capsys, options, words) -> None:
    assert call(*common, "--out", tmp_path / "out", *options) == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.strip().splitlines()) == 1


def test_heat_colours_what_is_hot_and_leaves_the_rest() -> None:
    image = np.full((4, 6, 3), 100, np.uint8)
    heat = np.zeros((4, 6))
    heat[1, 2] = 1
    drawn = draw_heat(image, heat)
    assert drawn[1, 2, 0] > drawn[1, 2, 2]  # red
    drawn[1, 2] = 100
    assert (drawn == 100).all()
    assert side_by_side([("a", image)] * 5).shape[1] == 4 * 6 + 3 * 4
