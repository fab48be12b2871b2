"""`tune`: tries settings on held-out videos only, goes on where it stopped, writes a recipe."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from vostool.cli.main import main
from vostool.core.errors import OutputError, UsageError
from vostool.datasets._split import SplitFile, write_split
from vostool.predictions.folder import PredictionFolder
from vostool.stages import infer as infer_stage
from vostool.stages._inference_recipe import read_inference_recipe
from vostool.stages._tuning import TuningChoices
from vostool.stages.evaluate import evaluate
from vostool.stages.infer import InferenceSettings, VideoChoice
from vostool.stages.tune import tune

sys.path.insert(0, str(Path(__file__).parents[1] / "inference"))  # the stub network lives there
sys.path.insert(0, str(Path(__file__).parent))

from colour_stub import ColourStub
from small_davis import write_davis

FAST = InferenceSettings(precision="fp32", device="cpu")
COARSE_FIRST = TuningChoices(tta=("0.25", "none", "flip"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_davis(tmp_path_factory.mktemp("davis"))


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that loads as the stub."""
    path = tmp_path / "stub.pt"
    path.write_text("stub")
    monkeypatch.setattr(
        infer_stage, "load_segmenter", lambda path: (ColourStub(), {"name": "stub"})
    )
    return path


@pytest.fixture
def split(tmp_path: Path) -> Path:
    path = tmp_path / "split.json"
    write_split(path, SplitFile("davis2016", "train", 0, ("a", "b"), ("c",)))
    return path


def held_out(root: Path, split: Path) -> VideoChoice:
    return VideoChoice("davis2016", root, f"{split}:val")


def test_the_best_setting_becomes_a_recipe(root, checkpoint, split, tmp_path) -> None:
    out, videos = tmp_path / "tuned.toml", held_out(root, split)
    choices = TuningChoices(tta=("0.25", "none"), steps=("none", "drop-small,fill-holes"))
    result = tune([checkpoint], videos, choices, out, settings=FAST)
    assert [(t.network.tta, t.steps) for t in result.trials] == [
        ("0.25", "none"),
        ("0.25", "drop-small,fill-holes"),
        ("none", "none"),
        ("none", "drop-small,fill-holes"),
    ]
    scores = [trial.score for trial in result.trials]
    assert scores[2] > scores[0]
    # Of equals the first one listed, here without post-processing.
    assert result.best == result.trials[2]
    assert result.videos == ("c",)
    recipe = read_inference_recipe(str(out))
    assert recipe.values["tta"] == "none"
    assert recipe.values["precision"] == "fp32"
    assert recipe.postprocess.steps == ()
    assert recipe.tuned["score"] == pytest.approx(scores[2], abs=1e-6)
    assert str(tmp_path) not in out.read_text(encoding="utf-8")
    # The figures are those of infer and evaluate.
    masks = tmp_path / "tuned-settings" / "0.25_every-5" / "masks"
    report = evaluate(masks, "davis2016", root, videos.split)
    assert report.j_and_f == scores[0]


def test_going_on_setting_by_setting(root, checkpoint, split, tmp_path, monkeypatch) -> None:
    out, videos = tmp_path / "tuned.toml", held_out(root, split)
    runs = []

    def stop_at_flip(path):
        runs.append(path)
        if len(runs) == 3:
            raise KeyboardInterrupt
        return ColourStub(), {"name": "stub"}

    monkeypatch.setattr(infer_stage, "load_segmenter", stop_at_flip)
    with pytest.raises(KeyboardInterrupt):
        tune([checkpoint], videos, COARSE_FIRST, out, settings=FAST)
    assert not out.exists()
    with pytest.raises(OutputError, match="not empty"):
        tune([checkpoint], videos, COARSE_FIRST, out, settings=FAST)
    result = tune([checkpoint], videos, COARSE_FIRST, out, settings=FAST, resume=True)
    assert len(runs) == 4
    assert len(result.trials) == 3
    with_steps = TuningChoices(tta=("none",), steps=("none", "drop-small"))
    assert len(tune([checkpoint], videos, with_steps, out, settings=FAST, resume=True).trials) == 2
    checkpoint.write_text("other weights")
    with pytest.raises(UsageError, match="had other checkpoints"):
        tune([checkpoint], videos, COARSE_FIRST, out, settings=FAST, resume=True)
    again = tune([checkpoint], videos, COARSE_FIRST, out, settings=FAST, overwrite=True)
    assert [t.score for t in again.trials] == [t.score for t in result.trials]


@pytest.mark.parametrize(
    ("split", "videos", "message"),
    [
        ("val", (), "nothing is chosen on the data that it is reported on"),
        ("val", ("d",), "nothing is chosen on the data that it is reported on"),
        ("train", (), "as a whole is not held out"),
        ("{file}:train", (), "is for training"),
        ("{file}:test", (), "no part 'test'"),
        ("{reported}:val", (), "which is reported on"),
        ("vall", (), "has no split 'vall'"),
    ],
)
def test_other_videos_are_refused(root, checkpoint, split, tmp_path, videos, message) -> None:
    file, reported = tmp_path / "split.json", tmp_path / "reported.json"
    write_split(file, SplitFile("davis2016", "train", 0, ("a", "b"), ("c",)))
    write_split(reported, SplitFile("davis2016", "val", 0, (), ("d",)))
    choice = VideoChoice(
        "davis2016", root, split.format(file=file, reported=reported), tuple(videos)
    )
    with pytest.raises(UsageError, match=message):
        tune([checkpoint], choice, TuningChoices(), tmp_path / "tuned.toml", settings=FAST)
    assert not (tmp_path / "tuned.toml").exists()
    assert not (tmp_path / "tuned-settings").exists()


def test_training_videos_named_one_by_one(root, checkpoint, tmp_path) -> None:
    choice = VideoChoice("davis2016", root, "train", ("b",))
    result = tune([checkpoint], choice, TuningChoices(), tmp_path / "t.toml", settings=FAST)
    assert result.videos == ("b",)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"tta": ("flip", "flip")}, "--tta lists a value twice"),
        ({"tta": ("big",)}, "neither flip nor a scale"),
        ({"memory": ("every:5+evry:5",)}, "did you mean every"),
        ({"max_memory": ("0",)}, "--max-memory 0 makes no sense"),
        ({"steps": ("drop-smal",)}, "did you mean drop-small"),
    ],
)
def test_settings_that_make_no_sense(choices: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TuningChoices(**choices).networks()


def test_several_strategies_in_one_setting() -> None:
    settings = TuningChoices(memory=("every:5", "every:5+visible"), max_memory=("none", "4"))
    found = [(item.memory, item.max_memory) for item in settings.networks()]
    assert found == [
        (("every:5",), None),
        (("every:5",), 4),
        (("every:5", "visible"), None),
        (("every:5", "visible"), 4),
    ]
    assert len({item.folder for item in settings.networks()}) == 4


def test_commands_hand_the_recipe_on(root, checkpoint, split, tmp_path, capsys) -> None:
    out = tmp_path / "tuned.toml"
    common = ["--dataset", "davis2016", "--root", root, "--checkpoint", checkpoint]
    fast = ["--precision", "fp32", "--device", "cpu", "-q"]
    videos = ["--split", f"{split}:val"]
    assert _call("tune", *common, *videos, *fast, "--out", out, "--tta", "0.25", "--tta", "flip",
                 "--memory", "every:2", "--steps", "drop-small") == 0  # fmt: skip
    assert "J&F-Mean" in capsys.readouterr().out
    values = tomllib.loads(out.read_text(encoding="utf-8"))
    assert values["inference"] == {"tta": "flip", "memory": ["every:2"], "precision": "fp32"}
    assert values["postprocess"] == {"steps": ["drop-small"]}
    val = ["--split", "val", "--recipe", out, "-q"]
    assert _call("infer", *common, *val, "--out", tmp_path / "a", "--device", "cpu") == 0
    assert "vostool postprocess" in capsys.readouterr().out
    settings = json.loads((tmp_path / "a" / "run.json").read_text())["settings"]
    assert (settings["tta"], settings["memory"]) == ("flip", ["every:2"])
    # What is written on the command line wins, be it a default.
    assert _call("infer", *common, *val, "--out", tmp_path / "b", "--tta", "none") == 0
    settings = json.loads((tmp_path / "b" / "run.json").read_text())["settings"]
    assert (settings["tta"], settings["memory"]) == ("none", ["every:2"])
    assert _call("postprocess", tmp_path / "a", "--recipe", out, "--out", tmp_path / "c") == 0
    masks = PredictionFolder(tmp_path / "c")
    assert masks.manifest is not None and "drop-small" in json.dumps(masks.manifest["settings"])
    assert np.array_equal(
        masks.mask("d", "00000"), PredictionFolder(tmp_path / "a").mask("d", "00000")
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("description = 'x'\n[inference]\ntat = 'none'", "unknown key inference.tat"),
        ("description = 'x'\n[inference]\ndevice = 'cpu'", "unknown key inference.device"),
        ("[inference]\ntta = 'none'", "description"),
        ("description = 'x'\n[inference]\ntta = 'big'", "neither flip nor a scale"),
        ("description = 'x'\n[inference]\nmax_memory = 'x'", "inference.max_memory"),
        ("description = 'x'\n[postprocess]\nsteps = ['drop']", "unknown step"),
    ],
)
def test_wrong_recipes(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        read_inference_recipe(str(path))


def test_recipes_that_are_not_there(tmp_path: Path) -> None:
    assert read_inference_recipe("yu").values["tta"] == "flip,0.75,1.0"
    with pytest.raises(UsageError, match="did you mean famnet"):
        read_inference_recipe("famnt")
    with pytest.raises(UsageError, match="no such inference recipe"):
        read_inference_recipe(str(tmp_path / "x.toml"))


def _call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return caught.value.code or 0
