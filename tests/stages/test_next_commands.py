"""What is said to come next can be pasted: it runs, on the same videos, in few words."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest
from small_davis import write_davis

from vostool.cli.main import main
from vostool.core.output import Output
from vostool.core.recipe_files import recipe_names
from vostool.core.types import MaskEncoding
from vostool.datasets.selection import Selection
from vostool.media.masks import read_mask, write_mask
from vostool.recipe import load_recipe
from vostool.stages.next_commands import (
    after_selecting,
    after_splitting,
    after_tuning,
    flags,
    to_infer,
)
from vostool.stages.train import after_training as module
from vostool.stages.train.after_training import after_training
from vostool.stages.train.train import TrainingRun
from vostool.stages.train.training_data import DataFolders, check_folders

HELD_OUT = Selection("davis2016", Path("my data"), "train", ("a", "b"))


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A data set in the current folder, whose name has a space."""
    monkeypatch.chdir(tmp_path)
    return write_davis(Path("my data"), train="abc", val="de")


def call(*words: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    return int(stopped.value.code or 0)


def next_words(capsys) -> list[str]:
    """What follows `next:`, as a shell reads it."""
    shown = capsys.readouterr().err.splitlines()
    return shlex.split(shown[shown.index("next:") + 1])


VAL = ["--dataset", "davis2016", "--root", "my data", "--split", "val"]


def test_predictions_with_ground_truth_are_scored(capsys) -> None:
    assert call("baseline", *VAL, "--out", "my preds") == 0
    words = next_words(capsys)
    assert words == ["vostool", "evaluate", "my preds"]
    assert call(*words[1:]) == 0
    assert call("postprocess", "my preds", "--steps", "drop-small", "--out", "final") == 0
    assert next_words(capsys) == ["vostool", "evaluate", "final"]


def test_some_videos_are_named(capsys) -> None:
    assert call("baseline", *VAL, "--video", "e", "--out", "preds") == 0
    words = next_words(capsys)
    assert words == ["vostool", "evaluate", "preds", "--video", "e"]
    assert call(*words[1:]) == 0


def test_quiet_commands_say_nothing(capsys) -> None:
    assert call("baseline", *VAL, "--out", "preds", "--quiet") == 0
    assert capsys.readouterr().err == ""


def test_predictions_for_a_server_are_packaged_and_the_archive_checked(capsys, monkeypatch) -> None:
    mose = Path("mose/valid")
    shutil.copytree("my data/JPEGImages/480p", mose / "JPEGImages")
    for path in Path("my data/Annotations/480p").rglob("00000.png"):
        mask = read_mask(path, MaskEncoding.BINARY)
        write_mask(mose / "Annotations" / path.parent.name / path.name, mask)
    valid = ["--dataset", "mose", "--root", "mose", "--split", "valid"]
    assert call("baseline", *valid, "--out", "preds/mose") == 0
    words = next_words(capsys)
    assert words == ["vostool", "package-submission", "preds/mose", "--out", "preds/mose.zip"]
    assert call(*words[1:]) == 0
    words = next_words(capsys)
    assert words == ["vostool", "check-submission", "preds/mose.zip", *valid]
    assert call(*words[1:]) == 0
    monkeypatch.setenv("VOSTOOL_ROOT_MOSE", "mose")
    assert call("package-submission", "preds/mose", "--out", "again.zip") == 0
    known = ["--dataset", "mose", "--split", "valid"]
    assert next_words(capsys) == ["vostool", "check-submission", "again.zip", *known]


def test_masks_of_nobody_knows_what_have_nothing_next(capsys) -> None:
    assert call("import", "my data/Annotations/480p", "--out", "imported") == 0
    assert "next:" not in capsys.readouterr().err


def test_flags_say_what_the_project_does_not(tmp_path) -> None:
    everything = ["--dataset", "davis2016", "--root", "my data", "--split", "val"]
    videos = Selection("davis2016", Path("my data"), "val", ("d",))
    assert flags(videos) == [*everything, "--video", "d"]
    Path("vostool.toml").write_text('dataset = "davis2016"\n[roots]\ndavis2016 = "my data"\n')
    assert flags(videos) == ["--split", "val", "--video", "d"]
    Path("vostool.toml").write_text(
        'dataset = "davis2016"\nsplit = "val"\n[roots]\ndavis2016 = "elsewhere"\n'
    )
    assert flags(videos.whole()) == ["--root", "my data"]


def test_what_is_not_held_out_is_trained_on(capsys) -> None:
    train = ["--dataset", "davis2016", "--root", "my data"]
    assert call("split", *train, "--holdout", "1", "--out", "s.json") == 0
    words = next_words(capsys)
    assert words[:2] == ["vostool", "train"]
    assert words[3:] == ["--data", "davis2016=my data", "--split-file", "s.json"]
    places = DataFolders.parse([words[4]], Path(words[6]))
    recipe = load_recipe(words[2])
    assert check_folders(recipe, places) == ["davis2016"]
    assert f"{recipe.name}-pretrain" not in recipe_names()
    assert after_splitting(Path("s.json"), Selection("lvos", Path("my data"), "train")) is None


def test_settings_are_chosen_on_the_same_held_out_videos() -> None:
    words = shlex.split(after_selecting(Path("runs/a/best.ckpt"), HELD_OUT))
    assert words[:4] == ["vostool", "tune", "--checkpoint", "runs/a/best.ckpt"]
    train = ["--dataset", "davis2016", "--root", "my data", "--split", "train"]
    assert words[4:14] == [*train, "--video", "a", "--video", "b"]
    assert words[-2:] == ["--out", "runs/a/tuned.toml"]


def test_a_tuned_recipe_is_used_on_what_is_reported() -> None:
    files = {"nano": (Path("a.onnx"), Path("b.onnx"))}
    assert shlex.split(str(after_tuning(Path("tuned.toml"), HELD_OUT, files))) == [
        *("vostool", "infer", "--recipe", "tuned.toml"),
        *("--model-file", "nano=a.onnx", "--model-file", "nano=b.onnx"),
        *(*VAL, "--out", "preds/tuned"),
    ]
    gone = Selection("davis2016", Path("elsewhere"), "train")
    assert to_infer(["--recipe", "tuned.toml"], gone, "tuned") is None


def write_run(folder: Path, checkpoints: int) -> None:
    """A run's list of checkpoints."""
    folder.mkdir(parents=True)
    for number in range(checkpoints):
        (folder / f"{number}.ckpt").touch()
    entries = [{"file": f"{n}.ckpt", "iteration": n, "metrics": {}} for n in range(checkpoints)]
    (folder / "checkpoints.json").write_text(str(entries).replace("'", '"'))


@pytest.mark.parametrize(
    ("recipe", "data", "split_file", "checkpoints", "words"),
    [
        (
            "stm-mnv2-small-pretrain",
            {"stills": "my data"},
            None,
            1,
            [
                *("train", "stm-mnv2-small", "--init", "runs/x/best.ckpt"),
                *("--data", "davis2016=FOLDER", "--split-file", "SPLIT.json"),
            ],
        ),
        (
            "stm-mnv2-small",
            {"davis2016": "my data"},
            "s.json",
            3,
            ["select", "runs/x", "--data", "davis2016=my data", "--split-file", "s.json"],
        ),
        (
            "stm-mnv2-small",
            {"davis2016": "my data"},
            "s.json",
            1,
            ["infer", "--checkpoint", "runs/x/best.ckpt", *VAL, "--out", "preds/x"],
        ),
        ("proposals-maskrcnn-small", {}, None, 1, None),
    ],
    ids=["first stage", "several checkpoints", "one checkpoint", "a detector"],
)
def test_after_a_training(recipe, data, split_file, checkpoints, words) -> None:
    write_run(Path("runs/x"), checkpoints)
    folders = {name: Path(folder) for name, folder in data.items()}
    places = DataFolders(folders, None if split_file is None else Path(split_file))
    found = after_training(load_recipe(recipe), TrainingRun(Output(Path("runs/x")), places))
    assert (None if found is None else shlex.split(found)) == (words and ["vostool", *words])


def test_the_second_stage_finds_its_folder_in_the_project() -> None:
    write_run(Path("runs/x"), 1)
    Path("vostool.toml").write_text('[roots]\ndavis2016 = "my data"\n')
    run = TrainingRun(Output(Path("runs/x")), DataFolders({}, Path("s.json")))
    found = shlex.split(str(after_training(load_recipe("stm-mnv2-small-pretrain"), run)))
    assert found[-4:] == ["--data", "davis2016=my data", "--split-file", "s.json"]
    assert module.FOLDER not in found
