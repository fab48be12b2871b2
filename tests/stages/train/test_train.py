"""Training end to end on a tiny data set: train, resume, select, load."""

from __future__ import annotations

import logging
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from small_davis import write_davis

from vostool.cli.main import main
from vostool.core.errors import CheckpointError, DataError, OutputError, UsageError
from vostool.core.output import Output
from vostool.core.types import Clip
from vostool.datasets.selection import Selection
from vostool.recipe import Recipe, parse_recipe
from vostool.stages.choose.select import select
from vostool.stages.predict.load import load_segmenter
from vostool.stages.score.evaluate import evaluate
from vostool.stages.train.train import TrainingRun, train
from vostool.stages.train.training_data import DataFolders, held_out_videos
from vostool.training.checkpoints.checkpoint import read_checkpoint
from vostool.training.checkpoints.run_folder import RunFolder
from vostool.training.loop.metrics_log import read_metrics

TABLE = {
    "name": "tiny",
    "description": "a test",
    "model": {
        "name": "stm",
        "backbone": "resnet18",
        "backbone_options": {"layers": [1, 1, 1, 1], "channels": [8, 8, 16, 16]},
        "key_channels": 4,
        "value_channels": 8,
        "decoder_channels": 8,
    },
    "data": {"videos": {"video": "davis2016"}},
    "clip": {"crop": [32, 48], "short_side": [40, 48], "min_area": 10, "window_jitter": 2},
    "loop": {"iterations": 4, "batch": 1, "precision": "fp32", "log_every": 1},
    "optimiser": {"learning_rate": 1e-3},
    "validation": {"every": 2, "data": "videos", "videos": ["c"], "max_frames": 3},
    "checkpoints": {"every": 1},
}


def recipe(**changes) -> Recipe:
    table = {**TABLE, **{key: {**TABLE.get(key, {}), **value} for key, value in changes.items()}}
    return parse_recipe(table, "tiny")


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three DAVIS 2016 sequences with a moving square."""
    return write_davis(tmp_path_factory.mktemp("davis"))


def run_of(
    out: Path, videos: Path, resume: bool = False, overwrite: bool = False, **more
) -> TrainingRun:
    return TrainingRun(
        Output(out, resume, overwrite),
        DataFolders({"videos": videos}),
        workers=0,
        device="cpu",
        **more,
    )


@pytest.fixture(scope="module")
def trained(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "tiny"
    assert train(recipe(), run_of(out, videos)).finished
    return out


def test_a_run_holds_what_it_should(trained: Path) -> None:
    names = {path.name for path in trained.iterdir()}
    assert {"best.ckpt", "resume.state", "recipe.json", "metrics.jsonl"} <= names
    assert len(list(trained.glob("iteration-*.ckpt"))) == 4
    records = read_metrics(trained / "metrics.jsonl")
    train_records = [record for record in records if record["kind"] == "train"]
    assert [record["iteration"] for record in train_records] == [1, 2, 3, 4]
    assert {"loss", "learning_rate", "gradient_norm", "data_seconds", "step_seconds"} <= set(
        train_records[0]
    )
    scores = [record["J&F-Mean"] for record in records if record["kind"] == "validation"]
    assert len(scores) == 2
    assert read_checkpoint(trained / "best.ckpt")[1].metrics["J&F-Mean"] == max(scores)


@pytest.mark.parametrize("short_side", [None, 24])
def test_validation_scores_as_infer_and_evaluate_do(
    trained: Path, videos: Path, tmp_path: Path, short_side: int | None
) -> None:
    checkpoint = trained / "best.ckpt"
    options = {"validation": {"short_side": short_side, "max_frames": None}}
    validation = held_out_videos(recipe(**options), DataFolders({"videos": videos}))
    found = validation.score(load_segmenter(checkpoint)[0])
    chosen = Selection("davis2016", videos, "train", ("c",))
    arguments = [
        "--root",
        str(videos),
        "--dataset",
        "davis2016",
        "--split",
        "train",
        "--video",
        "c",
    ]
    if short_side is not None:
        arguments += ["--short-side", str(short_side)]
    arguments += ["--checkpoint", str(checkpoint), "--out", str(tmp_path / "out"), "--video", "c"]
    with pytest.raises(SystemExit) as ended:
        main(["infer", *arguments, "--precision", "fp32", "--device", "cpu"])
    assert not ended.value.code
    scores = evaluate(tmp_path / "out", chosen).figures
    assert found == {name: value for name, value in scores.items() if not math.isnan(value)}


def test_interrupted_training_equals_uninterrupted(
    trained: Path, videos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    assert not train(recipe(), run_of(out, videos, max_minutes=0)).finished
    result = train(recipe(), run_of(out, videos, resume=True))
    assert (result.finished, result.iteration) == (True, 4)
    ours, theirs = (read_checkpoint(f / "iteration-00000004.ckpt")[0] for f in (out, trained))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


SCMN = {
    "model": {"name": "scmn", "mixer": {"rates": [2]}, "refinement": {"channels": 2}},
    "clip": {"previous": True},
    "curriculum": {"max_skip": [[0.0, 3], [0.5, 1]], "previous_until": 0.5},
    "losses": {"iou": 1.0, "auxiliary": 1.0},
    "validation": {"every": 0},
}


def test_scmn_starts_from_stm_and_resumes_in_its_last_phase(
    trained: Path, videos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="vostool")
    start = trained / "best.ckpt"
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    chosen = recipe(**SCMN)
    train(chosen, run_of(whole, videos, init=start))
    assert "no fitting mixer, prior, refinement: new" in caplog.text
    for iteration in range(1, 4):
        resume = iteration > 1
        train(chosen, run_of(parts, videos, init=start, resume=resume, max_minutes=0))
        assert not (parts / "iteration-00000004.ckpt").exists()
    assert train(chosen, run_of(parts, videos, init=start, resume=True)).finished
    ours, theirs = (read_checkpoint(f / "iteration-00000004.ckpt")[0] for f in (whole, parts))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert {"iou", "coarse"} <= read_metrics(whole / "metrics.jsonl")[0].keys()


def test_a_start_of_another_backbone_is_refused(
    trained: Path, videos: Path, tmp_path: Path
) -> None:
    wide = recipe(model={**SCMN["model"], "key_channels": 6})
    with pytest.raises(CheckpointError, match="another architecture"):
        train(wide, run_of(tmp_path / "run", videos, init=trained / "best.ckpt"))


def test_loading_gives_the_trained_network_in_evaluation_mode(trained: Path) -> None:
    model, stored = load_segmenter(trained / "best.ckpt")
    assert not model.training
    assert stored == recipe().resolved()
    weights, _ = read_checkpoint(trained / "best.ckpt")
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    labels = torch.zeros(1, 2, 32, 32, dtype=torch.long)
    labels[..., 4:20, 4:20] = 1
    clip = Clip(torch.rand(1, 2, 3, 32, 32), labels, torch.ones(1, 1, dtype=torch.bool))
    logits = model(clip).logits
    assert logits.shape == (1, 1, 2, 32, 32)


def test_init_takes_over_weights(trained: Path, videos: Path, tmp_path: Path) -> None:
    start = trained / "iteration-00000002.ckpt"
    frozen = recipe(optimiser={"name": "sgd", "learning_rate": 1e-30}, loop={"iterations": 1})
    out = tmp_path / "run"
    train(frozen, run_of(out, videos, init=start))
    before, after = read_checkpoint(start)[0], read_checkpoint(out / "best.ckpt")[0]
    assert all(torch.allclose(before[name], after[name], atol=1e-20) for name in before)


def test_init_with_another_architecture(trained: Path, videos: Path, tmp_path: Path) -> None:
    wider = recipe(model={"key_channels": 6})
    with pytest.raises(CheckpointError, match=r"another architecture: .*key.*best\.ckpt"):
        train(wider, run_of(tmp_path / "run", videos, init=trained / "best.ckpt"))
    assert not list((tmp_path / "run").glob("*.ckpt"))


def test_select_scores_all_and_makes_the_best_one_best(
    trained: Path, videos: Path, tmp_path: Path
) -> None:
    result = select(trained, DataFolders({"videos": videos}), device="cpu")
    assert [item.iteration for item in result.checkpoints] == [1, 2, 3, 4]
    assert result.videos == ("c",)
    in_training = {
        record["iteration"]: record["J&F-Mean"]
        for record in read_metrics(trained / "metrics.jsonl")
        if record["kind"] == "validation"
    }
    ours = {item.iteration: item.score for item in result.checkpoints}
    assert {k: ours[k] for k in in_training} == pytest.approx(in_training)
    assert read_checkpoint(trained / "best.ckpt")[1].iteration == result.best.iteration
    assert result.spread[0] == max(ours.values()) - min(ours.values())
    assert (trained / "selection.json").is_file()
    two = select(trained, DataFolders({"videos": videos}), last=2, device="cpu")
    assert [item.iteration for item in two.checkpoints] == [3, 4]


def test_select_warns_of_videos_that_were_trained_on(trained: Path, videos: Path, caplog) -> None:
    places = DataFolders({"videos": videos})
    result = select(trained, places, last=1, videos=["a", "c"], device="cpu")
    assert result.videos == ("a", "c")
    warnings = [item.message for item in caplog.records if item.levelno >= logging.WARNING]
    assert warnings == ["the training did not hold out a"]


def test_select_on_something_else(tmp_path: Path, videos: Path) -> None:
    with pytest.raises(DataError, match="not the folder of a training run"):
        select(tmp_path, DataFolders({"videos": videos}))


@pytest.mark.parametrize(
    ("changes", "folders", "message"),
    [
        ({}, {}, r"needs data that was not given: videos.*--data videos=FOLDER"),
        ({}, {"vidoes": "."}, r"has no data entry vidoes: it has videos"),
        ({"validation": {"videos": []}}, None, "offline split.*--split-file"),
    ],
)
def test_wrong_data_options(
    tmp_path: Path, videos: Path, changes: dict, folders: dict | None, message: str
) -> None:
    chosen = {"videos": videos} if folders is None else {k: Path(v) for k, v in folders.items()}
    run = TrainingRun(Output(tmp_path / "run"), DataFolders(chosen), device="cpu")
    with pytest.raises(UsageError, match=message):
        train(recipe(**changes), run)


def test_held_out_videos_that_are_missing(tmp_path: Path, videos: Path) -> None:
    wrong = recipe(validation={"videos": ["c", "zebra"]})
    with pytest.raises(DataError, match="held-out videos are missing: zebra"):
        train(wrong, run_of(tmp_path / "run", videos))


def test_held_out_videos_are_not_trained_on(tmp_path: Path, videos: Path) -> None:
    everything = recipe(validation={"videos": ["a", "b", "c"]})
    with pytest.raises(DataError, match="none of the 0 videos"):
        train(everything, run_of(tmp_path / "run", videos))


def test_a_folder_that_is_not_empty(trained: Path, videos: Path) -> None:
    with pytest.raises(OutputError, match=r"not empty.*--resume"):
        train(recipe(), run_of(trained, videos))


def test_overwriting_leaves_nothing_of_the_old_run(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    train(recipe(), run_of(out, videos))
    (out / "notes.txt").write_text("mine")
    other = recipe(loop={"seed": 5}, validation={"every": 0})
    train(other, run_of(out, videos, overwrite=True, max_minutes=0))
    assert {path.name for path in out.iterdir()} == {
        "best.ckpt",
        "checkpoints.json",
        "iteration-00000001.ckpt",
        "metrics.jsonl",
        "notes.txt",
        "recipe.json",
        "resume.state",
    }
    assert train(other, run_of(out, videos, resume=True)).finished


def test_resuming_with_another_recipe(trained: Path, videos: Path) -> None:
    other = recipe(loop={"seed": 5})
    with pytest.raises(UsageError, match=r"loop\.seed was 0, is 5"):
        train(other, run_of(trained, videos, resume=True))


def test_a_state_from_before_an_option_existed_is_resumed(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    train(recipe(), run_of(out, videos, max_minutes=0))
    files = RunFolder(out)
    state = files.read_resume()
    del state.progress.recipe["model"]["detach_memory"]
    files.save_resume(state)
    assert train(recipe(), run_of(out, videos, resume=True, max_minutes=0)).iteration == 2


def test_commands(tmp_path: Path, videos: Path, capsys) -> None:
    from vostool.stages.train.recipes import as_toml

    file, out = tmp_path / "tiny.toml", tmp_path / "run"
    file.write_text(as_toml(recipe()), encoding="utf-8")
    common = [str(file), "--data", f"videos={videos}", "--out", str(out), "--workers", "0"]
    assert _exit_code(["train", *common, "--device", "cpu", "--max-minutes", "0"]) == 0
    assert "run the same command with --resume" in capsys.readouterr().err
    assert _exit_code(["train", *common]) == 1
    assert "not empty" in capsys.readouterr().err
    assert _exit_code(["train", *common, "--resume", "--quiet"]) == 0
    assert capsys.readouterr().out == f"{out / 'best.ckpt'}\n"
    select_it = ["select", str(out), "--data", f"videos={videos}", "--last", "2"]
    assert _exit_code(select_it) == 0
    printed = capsys.readouterr().out
    assert "J&F-Mean" in printed
    assert "standard deviation" in printed


@pytest.mark.slow
def test_two_processes_equal_one_with_the_same_global_batch(videos: Path, tmp_path: Path) -> None:
    from vostool.stages.train.recipes import as_toml

    file = tmp_path / "tiny.toml"
    file.write_text(as_toml(recipe(loop={"accumulation": 2})), encoding="utf-8")
    command = ["-m", "vostool", "train", str(file), "--data", f"videos={videos}", "--workers", "0"]
    command += ["--device", "cpu", "--out"]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    for start, out, batch in ((torchrun, "two", 1), ([], "one", 2)):
        arguments = [*start, *command, str(tmp_path / out), "--set", f"loop.batch={batch}"]
        done = subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{tmp_path / out / 'best.ckpt'}\n"
    one, two = (read_metrics(tmp_path / out / "metrics.jsonl") for out in ("one", "two"))
    assert len(one) == len(two) == 6
    for ours, theirs in zip(two, one, strict=True):
        assert ours.keys() == theirs.keys()
        for name in ours.keys() & {"loss", "gradient_norm", "J&F-Mean"}:
            assert ours[name] == pytest.approx(theirs[name], rel=1e-3)
    last = "iteration-00000004.ckpt"
    ours, theirs = (read_checkpoint(tmp_path / out / last)[0] for out in ("two", "one"))
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train", "stm-r5"], 2, "unknown recipe 'stm-r5': did you mean stm-r50?"),
        (["train", "stm-r50", "--data", "x"], 2, "write --data ENTRY=FOLDER"),
        (["train", "stm-r50", "--data", "x=/nowhere"], 2, "there is no folder for --data x"),
        (["train", "stm-r50", "--set", "loop.bach=1"], 2, "unknown key loop.bach"),
        (["recipes", "stm-r5"], 2, "unknown recipe"),
        (["select", "/nowhere"], 1, "not the folder of a training run"),
    ],
)
def test_wrong_commands(arguments: list[str], code: int, message: str, capsys) -> None:
    assert _exit_code(arguments) == code
    assert message in capsys.readouterr().err


def test_recipes_are_listed_and_printed(capsys) -> None:
    assert _exit_code(["recipes"]) == 0
    assert "famnet-rx50-pretrain" in capsys.readouterr().out
    assert _exit_code(["recipes", "famnet-r50", "--set", "loop.batch=2"]) == 0
    assert "batch = 2\n" in capsys.readouterr().out


def _exit_code(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code or 0
