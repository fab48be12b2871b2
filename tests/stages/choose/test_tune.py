"""`tune`: tries settings on held-out videos only, goes on where it stopped, writes a recipe."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shlex
import tomllib
from pathlib import Path

import numpy as np
import pytest
from colour_stub import ColourStub
from rich.console import Console
from small_davis import write_davis

from vostool.cli.main import main
from vostool.core.errors import OutputError, UsageError
from vostool.core.output import Output
from vostool.datasets.selection import Selection
from vostool.datasets.split import SplitFile, write_split
from vostool.inference.crop_zoom.options import CropZoomOptions
from vostool.inference.options import InferenceOptions
from vostool.predictions.folder import PredictionFolder
from vostool.stages.choose.tune import tune
from vostool.stages.choose.tuning import (
    NetworkSetting,
    StepsSetting,
    Trial,
    TuneResult,
    TuningChoices,
    folder_name,
)
from vostool.stages.predict import networks as infer_stage
from vostool.stages.predict.infer import InferenceSettings
from vostool.stages.predict.inference_recipe import read_inference_recipe, stated
from vostool.stages.score.evaluate import evaluate

FAST = InferenceSettings.of(precision="fp32", device="cpu")
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


def held_out(root: Path, split: Path) -> Selection:
    return Selection("davis2016", root, f"{split}:val")


def test_the_best_setting_becomes_a_recipe(root, checkpoint, split, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    out, videos = tmp_path / "tuned.toml", held_out(root, split)
    choices = TuningChoices(tta=("0.25", "none"), steps=("none", "drop-small,fill-holes"))
    result = tune([checkpoint], videos, choices, Output(out), settings=FAST)
    assert [(t.network.tta, t.steps.text) for t in result.trials] == [
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
    assert stated(recipe.inference)["views"] == "none"
    assert stated(recipe.inference)["precision"] == "fp32"
    assert recipe.postprocess.steps == ()
    assert recipe.tuned["score"] == pytest.approx(scores[2], abs=1e-6)
    assert str(tmp_path) not in out.read_text(encoding="utf-8")
    # The figures are those of infer and evaluate.
    masks = tmp_path / "tuned-settings" / "0.25_every-5" / "masks"
    report = evaluate(masks, Selection("davis2016", root, videos.split))
    assert report.score == scores[0]


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
        tune([checkpoint], videos, COARSE_FIRST, Output(out), settings=FAST)
    assert not out.exists()
    with pytest.raises(OutputError, match="not empty"):
        tune([checkpoint], videos, COARSE_FIRST, Output(out), settings=FAST)
    result = tune([checkpoint], videos, COARSE_FIRST, Output(out, resume=True), settings=FAST)
    assert len(runs) == 4
    assert len(result.trials) == 3
    with_steps = TuningChoices(tta=("none",), steps=("none", "drop-small"))
    assert (
        len(tune([checkpoint], videos, with_steps, Output(out, resume=True), settings=FAST).trials)
        == 2
    )
    checkpoint.write_text("other weights")
    with pytest.raises(UsageError, match="had other checkpoints"):
        tune([checkpoint], videos, COARSE_FIRST, Output(out, resume=True), settings=FAST)
    again = tune([checkpoint], videos, COARSE_FIRST, Output(out, overwrite=True), settings=FAST)
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
    choice = Selection("davis2016", root, split.format(file=file, reported=reported), tuple(videos))
    with pytest.raises(UsageError, match=message):
        tune([checkpoint], choice, TuningChoices(), Output(tmp_path / "tuned.toml"), settings=FAST)
    assert not (tmp_path / "tuned.toml").exists()
    assert not (tmp_path / "tuned-settings").exists()


def test_values_of_step_parameters_are_tried_and_written(root, checkpoint, split, tmp_path) -> None:
    """The object has 480 pixels: a least area above that, without exception, empties the masks."""
    out, videos = tmp_path / "tuned.toml", held_out(root, split)
    choices = TuningChoices(
        steps=("drop-small",),
        set=("drop-small.keep-largest=false", "drop_small.min_area=999", "drop-small.min-area=9"),
    )
    result = tune([checkpoint], videos, choices, Output(out), settings=FAST)
    empty, best = result.trials
    assert empty.score < best.score
    assert result.best == best
    recipe = read_inference_recipe(str(out))
    assert recipe.postprocess.steps == ("drop-small",)
    assert recipe.postprocess.settings == (
        "drop-small.keep-largest=false",
        "drop-small.min-area=9",
    )
    folders = sorted(path.name for path in (tmp_path / "tuned-settings" / "none_every-5").iterdir())
    assert len(folders) == 4  # masks, scores and one per value
    assert (
        len(tune([checkpoint], videos, choices, Output(out, resume=True), settings=FAST).trials)
        == 2
    )


def test_crop_zoom_is_tried_and_written(root, checkpoint, split, tmp_path, capsys) -> None:
    """Objects may be 200 pixels wide, so that the default zooms; 10 leaves them alone."""
    out = tmp_path / "tuned.toml"
    texts = ("none", "default", "largest_side=10,margin=3")
    choices = TuningChoices(tta=("0.25",), crop_zoom=texts)
    result = tune([checkpoint], held_out(root, split), choices, Output(out), settings=FAST)
    none, default, alone = (trial.score for trial in result.trials)
    assert none == alone < default
    assert [trial.as_json()["crop_zoom"] for trial in result.trials] == list(texts)
    recipe = read_inference_recipe(str(out))
    assert recipe.inference.crop_zoom == CropZoomOptions(tracker="mask-box")
    common = ["--dataset", "davis2016", "--root", root, "--checkpoint", checkpoint]
    rest = ["--split", "val", "--recipe", out, "--out", tmp_path / "a", "--device", "cpu", "-q"]
    assert _call("infer", *common, *rest) == 0
    manifest = json.loads((tmp_path / "a" / "run.json").read_text())
    assert manifest["settings"]["crop_zoom"]["margin"] == recipe.inference.crop_zoom.margin


@pytest.mark.parametrize(
    ("zoom", "values", "files", "message"),
    [
        ("none", ("crop_zoom.tracker=mil",), {}, "no --crop-zoom switches it on"),
        ("none", (), {"vit": ["x.onnx"]}, "names vit, which no setting uses"),
        ("default", ("crop_zoom.tracker=nano",), {}, "tracker nano takes 2 model file"),
        ("default", (), {"mask-box": ["x.onnx"]}, "mask-box takes no model file"),
    ],
)
def test_trackers_that_cannot_be_used(
    root, checkpoint, split, tmp_path, zoom, values, files, message
):
    """Before anything is run, be crop-then-zoom the last of the settings."""
    tried = ("none", zoom) if zoom != "none" else ("none",)
    choices = TuningChoices(crop_zoom=tried, set=values)
    with pytest.raises(UsageError, match=message):
        tune(
            [checkpoint],
            held_out(root, split),
            choices,
            Output(tmp_path / "t.toml"),
            settings=FAST,
            model_files=files,
        )
    assert not (tmp_path / "t-settings").exists()


def test_any_option_can_be_tried(root, checkpoint, split, tmp_path) -> None:
    """Thresholds of crop-then-zoom are tried with the settings that zoom, the seed with all."""
    texts = ("crop_zoom.margin=2", "crop_zoom.margin=3", "short_side=32")
    choices = TuningChoices(crop_zoom=("none", "default"), set=texts)
    assert [item.more for item in choices.networks()] == [
        ("short_side=32",),
        ("crop_zoom.margin=2", "short_side=32"),
        ("crop_zoom.margin=3", "short_side=32"),
    ]
    chosen = choices.networks()[1].on_top_of(FAST).inference
    assert (chosen.crop_zoom.margin, chosen.short_side, chosen.precision) == (2, 32, "fp32")
    out = tmp_path / "tuned.toml"
    choices = TuningChoices(set=("short_side=16", "short_side=48"))
    result = tune([checkpoint], held_out(root, split), choices, Output(out), settings=FAST)
    best = read_inference_recipe(str(out)).inference.short_side
    assert [f"short_side={best}"] == list(result.best.network.more)


def test_training_videos_named_one_by_one(root, checkpoint, tmp_path) -> None:
    choice = Selection("davis2016", root, "train", ("b",))
    result = tune([checkpoint], choice, TuningChoices(), Output(tmp_path / "t.toml"), settings=FAST)
    assert result.videos == ("b",)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"tta": ("flip", "flip")}, "--tta lists a value twice"),
        ({"tta": ("big",)}, "neither flip nor a scale"),
        ({"memory": ("every:5+evry:5",)}, "did you mean every"),
        ({"max_memory": ("0",)}, "max_memory: input should be greater than or equal to 1"),
        ({"crop_zoom": ("yes",)}, "cannot read --crop-zoom 'yes': write --crop-zoom margin=3"),
        ({"crop_zoom": ("margn=3",)}, "did you mean margin"),
        ({"crop_zoom": ("default", "margin=2.5")}, "two of the values to try are the same"),
        ({"steps": ("drop-smal",)}, "did you mean drop-small"),
        ({"set": ("drop-small.min-area=9",)}, "no --steps has drop-small"),
        ({"steps": ("drop-small",), "set": ("drop-small.area=9",)}, "has no parameter 'area'"),
        ({"steps": ("drop-small",), "set": ("drop-small.min-area=x",)}, "a wrong value"),
        ({"steps": ("drop-small",), "set": ("min-area=9",)}, "write STEP.PARAMETER=VALUE"),
        ({"steps": ("drop-small",), "set": ("drop-small.min-area=9",) * 2}, "--set lists a value"),
    ],
)
def test_settings_that_make_no_sense(choices: dict, message: str) -> None:
    chosen = TuningChoices(**choices)
    with pytest.raises(UsageError, match=message):
        print(chosen.networks(), chosen.post_processings())


def test_several_strategies_in_one_setting() -> None:
    settings = TuningChoices(memory=("every:5", "every:5+visible"), max_memory=("none", "4"))
    found = [(item.memory, item.max_memory) for item in settings.networks()]
    assert found == [
        (("every:5",), "none"),
        (("every:5",), "4"),
        (("every:5", "visible"), "none"),
        (("every:5", "visible"), "4"),
    ]
    assert len({item.folder for item in settings.networks()}) == 4


def test_each_post_processing_gets_the_values_of_its_own_steps() -> None:
    choices = TuningChoices(
        steps=("none", "drop-small", "fill-holes,drop-small"),
        set=("drop-small.min-area=9", "fill-holes.max-area=0", "drop-small.min-area=99"),
    )
    assert [item.text for item in choices.post_processings()] == [
        "none",
        "drop-small drop-small.min-area=9",
        "drop-small drop-small.min-area=99",
        "fill-holes,drop-small fill-holes.max-area=0 drop-small.min-area=9",
        "fill-holes,drop-small fill-holes.max-area=0 drop-small.min-area=99",
    ]


def test_folders_of_settings_are_short_and_differ() -> None:
    first, second = (folder_name("margin=3," * 40 + last) for last in "ab")
    assert len(first) <= 100
    assert first != second
    assert folder_name("flip,0.75_every:5") == "flip,0.75_every-5"


def test_commands_hand_the_recipe_on(root, checkpoint, split, tmp_path, capsys) -> None:
    out = tmp_path / "tuned.toml"
    common = ["--dataset", "davis2016", "--root", root, "--checkpoint", checkpoint]
    fast = ["--precision", "fp32", "--device", "cpu", "-q"]
    videos = ["--split", f"{split}:val"]
    assert _call("tune", *common, *videos, *fast, "--out", out, "--tta", "0.25", "--tta", "flip",
                 "--memory", "every:2", "--steps", "drop-small", "--crop-zoom", "none",
                 "--set", "drop-small.min-area=8") == 0  # fmt: skip
    printed = capsys.readouterr().out
    assert "J&F-Mean" in printed
    assert "drop-small.min-area=8" in printed
    assert "crop-zoom" not in printed
    values = tomllib.loads(out.read_text(encoding="utf-8"))
    assert values["inference"] == {"views": "flip", "memory": ["every:2"], "precision": "fp32"}
    assert values["postprocess"] == {
        "steps": ["drop-small"],
        "settings": ["drop-small.min-area=8"],
    }
    val = ["--split", "val", "--recipe", out, "-q"]
    assert _call("infer", *common, *val, "--out", tmp_path / "a", "--device", "cpu") == 0
    settings = json.loads((tmp_path / "a" / "run.json").read_text())["settings"]
    assert (settings["views"], settings["memory"]) == ("flip", ["every:2"])
    # What is written on the command line wins, be it a default.
    assert _call("infer", *common, *val, "--out", tmp_path / "b", "--tta", "none") == 0
    settings = json.loads((tmp_path / "b" / "run.json").read_text())["settings"]
    assert (settings["views"], settings["memory"]) == ("none", ["every:2"])
    assert _call("postprocess", tmp_path / "a", "--recipe", out, "--out", tmp_path / "c") == 0
    masks = PredictionFolder(tmp_path / "c")
    assert masks.manifest is not None
    (step,) = masks.manifest["settings"]["steps"]
    assert (step["name"], step["params"]["min_area"]) == ("drop-small", 8)
    assert np.array_equal(
        masks.mask("d", "00000"), PredictionFolder(tmp_path / "a").mask("d", "00000")
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "description = 'x'\n[inference]\nvews = 'none'",
            r"unknown key inference\.vews \(did you mean views",
        ),
        ("description = 'x'\n[inference]\ndevice = 'cpu'", "unknown key inference.device"),
        ("[inference]\nviews = 'none'", "description"),
        ("description = 'x'\n[inference]\nviews = 'big'", "neither flip nor a scale"),
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
    assert stated(read_inference_recipe("yu").inference)["views"] == "flip,0.75,1.0"
    with pytest.raises(UsageError, match="did you mean famnet"):
        read_inference_recipe("famnt")
    with pytest.raises(UsageError, match="no such inference recipe"):
        read_inference_recipe(str(tmp_path / "x.toml"))


def _call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return caught.value.code or 0


def test_the_reference_of_inference_names_every_option_and_is_a_recipe(tmp_path, capsys) -> None:
    assert _call("recipes", "inference") == 0
    text = capsys.readouterr().out
    path = tmp_path / "all.toml"
    path.write_text(text)
    assert read_inference_recipe(str(path)).inference == InferenceOptions()
    names = {line.lstrip("# ").partition(" ")[0].strip("[]") for line in text.splitlines()}
    for name, field in InferenceOptions.model_fields.items():
        assert names & {name, f"inference.{name}"}, name
        assert field.description.split()[0] in text
    assert _call("recipes", "inference/yu", "--set", "seed=7") == 0
    path.write_text(capsys.readouterr().out)
    chosen = read_inference_recipe(str(path)).inference
    assert (chosen.seed, chosen.short_side, chosen.views.written) == (7, 480, "flip,0.75,1.0")


def test_the_table_has_per_cent_and_tells_slow_settings_in_seconds_per_frame() -> None:
    figures = [{"J&F-Mean": 0.5, "J-Decay": 0.1}, {"J&F-Mean": 0.81254, "J-Decay": 0.1}]
    trials = [
        Trial(NetworkSetting("none", ("every:5",)), StepsSetting(), values, rate)
        for values, rate in zip(figures, (12.5, 0.04), strict=True)
    ]
    console = Console(width=150, file=io.StringIO())
    console.print(TuneResult(tuple(trials), Path("tuned.toml"), ("a",)).table())
    shown = console.file.getvalue()
    for text in (
        "1 held-out videos, in per cent",
        "50.00",
        "81.25",
        "12.5 frames/s",
        "25.0 s/frame",
    ):
        assert text in shown
    assert [trial.as_json()["figures"] for trial in trials] == figures


def test_a_tuned_recipe_remembers_its_checkpoints(
    root, checkpoint, split, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    common = ["--dataset", "davis2016", "--root", root, "--precision", "fp32"]
    tuned = ["--split", f"{split}:val", "--tta", "none", "--steps", "drop-small"]
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    assert (
        _call("tune", *common, *tuned, "--checkpoint", checkpoint, "--out", "recipes/t.toml") == 0
    )
    shown = capsys.readouterr().err.splitlines()
    words = shlex.split(shown[shown.index("next:") + 1])
    assert words[:4] == ["vostool", "infer", "--recipe", "recipes/t.toml"]
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    stored = tomllib.loads((recipes / "t.toml").read_text())["checkpoints"]
    assert stored == {os.path.relpath(checkpoint, recipes): digest}
    # From another folder, too; what follows is the recipe's post-processing.
    monkeypatch.chdir(recipes)
    val = [*common, "--split", "val", "--recipe", "t.toml"]
    assert _call("infer", *val, "--out", "a") == 0
    shown = capsys.readouterr().err.splitlines()
    words = shlex.split(shown[shown.index("next:") + 1])
    assert words == ["vostool", "postprocess", "a", "--recipe", "t.toml", "--out", "a-final"]
    assert _call(*words[1:]) == 0
    (member,) = json.loads((recipes / "a/run.json").read_text())["checkpoints"]
    assert member["sha256"] == digest
    # Another file is not taken for it, unless that is asked for.
    checkpoint.write_text("other weights")
    capsys.readouterr()
    assert _call("infer", *val, "--out", "b") == 1
    told = capsys.readouterr().err
    assert (
        "a checkpoint is not the one that t.toml was made with" in told and checkpoint.name in told
    )
    assert _call("infer", *val, "--checkpoint", checkpoint, "--out", "c") == 0
    checkpoint.rename(tmp_path / "elsewhere.ckpt")
    assert _call("infer", *val, "--out", "d") == 1
    assert "a checkpoint that t.toml was made with is not there" in capsys.readouterr().err
