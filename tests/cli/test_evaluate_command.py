"""`vostool evaluate` on the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from vostool.cli.main import main
from vostool.media.masks import write_mask


@pytest.fixture
def folders(tmp_path):
    """A DAVIS 2017 video of four frames, and predictions that are right in the upper half."""
    root, preds = tmp_path / "DAVIS", tmp_path / "preds"
    images = root / "JPEGImages" / "480p" / "clip"
    images.mkdir(parents=True)
    mask = np.zeros((40, 60), np.uint8)
    mask[10:30, 10:30] = 1
    half = mask.copy()
    half[20:] = 0
    for time in range(4):
        Image.new("RGB", (60, 40)).save(images / f"{time:05d}.jpg")
        write_mask(root / "Annotations" / "480p" / "clip" / f"{time:05d}.png", mask)
        write_mask(preds / "Annotations" / "clip" / f"{time:05d}.png", half)
    (root / "ImageSets" / "2017").mkdir(parents=True)
    (root / "ImageSets" / "2017" / "val.txt").write_text("clip\n")
    return root, preds


def call(*arguments) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return caught.value.code or 0


def command(folders, *more) -> int:
    root, preds = folders
    where = ("--dataset", "davis2017", "--root", root, "--split", "val")
    return call("evaluate", preds, *where, *more)


def test_the_table_goes_to_standard_output(folders, capsys):
    assert command(folders) == 0
    shown = capsys.readouterr().out
    assert "davis2017 val: 1 videos, 1 objects" in shown
    assert "J&F-Mean" in shown
    assert "50.00" in shown


def test_objects_and_files_on_request(folders, capsys, tmp_path):
    files = ("--json", tmp_path / "s.json", "--csv", tmp_path / "s.csv")
    assert command(folders, "--per-object", "--jobs", "1", "--video", "clip", *files) == 0
    assert "F-Decay" in capsys.readouterr().out
    assert json.loads((tmp_path / "s.json").read_text())["figures"]["J-Mean"] == 0.5
    assert (tmp_path / "s.csv").read_text().startswith("video,object,")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--jobs", "0"], ["--jobs must be at least 1"]),
        (["--video", "clap"], ["no such video", "clap", "clip"]),
        (["--split", "vall"], ["no split 'vall'", "val"]),
        (["--dataset", "davis2018"], ["davis2018", "did you mean"]),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(folders, capsys, arguments, words):
    assert command(folders, *arguments) == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1
    assert all(word in error for word in words)


def test_predictions_that_do_not_fit_are_exit_code_1(folders, capsys, tmp_path):
    (folders[1] / "Annotations" / "clip" / "00001.png").unlink()
    assert command(folders, "--quiet", "--json", tmp_path / "s.json") == 1
    captured = capsys.readouterr()
    assert "1 missing frames (clip/00001)" in captured.err
    assert len(captured.err.strip().splitlines()) == 1
    assert not captured.out
    assert not (tmp_path / "s.json").exists()


def test_a_folder_without_masks_is_exit_code_1(folders, capsys, tmp_path):
    (tmp_path / "none").mkdir()
    assert command((folders[0], tmp_path / "none")) == 1
    assert "no predicted masks here" in capsys.readouterr().err


def test_a_plain_pair_of_folders(folders, capsys):
    root, preds = folders
    truth = root / "Annotations" / "480p"
    assert call("evaluate", preds, "--gt", truth) == 0
    shown = capsys.readouterr().out
    assert "1 videos, 1 objects" in shown and "50.00" in shown
    assert call("evaluate", preds, "--gt", root) == 0
    assert "50.00" in capsys.readouterr().out
    # A folder of the frames of one video is a video, too.
    assert call("evaluate", preds / "Annotations" / "clip", "--gt", truth / "clip") == 0
    assert "50.00" in capsys.readouterr().out


def test_a_plain_pair_has_no_data_set(folders, capsys):
    root, _ = folders
    assert command(folders, "--gt", root) == 2
    assert "--gt stands in place of a data set" in capsys.readouterr().err
