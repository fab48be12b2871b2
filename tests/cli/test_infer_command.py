"""The command on a small DAVIS-2017 layout, with a small real network."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from moving_squares import squares

from vostool.cli.main import main
from vostool.models.space_time import SpaceTimeNetwork
from vostool.models.systems import famnet
from vostool.predictions.folder import PredictionFolder
from vostool.training.checkpoints.checkpoint import describe, save_checkpoint

CHOICES = {"backbone": "mobilenetv2_035", "key_channels": 8, "value_channels": 8,
           "decoder_channels": 8}  # fmt: skip


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A FAMNet with random weights."""
    torch.manual_seed(0)
    network = famnet.build(famnet.Config(**CHOICES))
    path = tmp_path_factory.mktemp("run") / "best.ckpt"
    recipe = {"model": {"name": "famnet", **CHOICES}}
    save_checkpoint(path, network, describe(recipe, 0, {}))
    return path


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two videos of four frames."""
    import cv2

    from vostool.media.masks import write_mask

    root = tmp_path_factory.mktemp("DAVIS")
    for k, name in enumerate(("ant", "bee")):
        images, truth, _ = squares(4, seed=k)
        for t, (image, mask) in enumerate(zip(images, truth)):
            path = root / "JPEGImages" / "480p" / name / f"{t:05d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), image[..., ::-1])
            write_mask(root / "Annotations" / "480p" / name / f"{t:05d}.png", mask)
    lists = root / "ImageSets" / "2017"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("ant\nbee\n")
    return root


def _arguments(checkpoint, root, out, *more):
    return [
        "infer", "--checkpoint", str(checkpoint), "--dataset", "davis2017", "--root", str(root),
        "--split", "val", "--out", str(out), "--precision", "fp32", "--device", "cpu", *more,
    ]  # fmt: skip


def _call(arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code or 0


def test_the_whole_command(tmp_path, checkpoint, root, capsys):
    arguments = _arguments(
        checkpoint, root, tmp_path / "out", "--tta", "flip,0.75,1.0", "--memory", "every:2",
        "--memory", "visible", "--max-memory", "3", "--feedback", "merged", "--save-probabilities",
    )  # fmt: skip
    assert _call(arguments) == 0
    assert "2 videos" in capsys.readouterr().out
    folder = PredictionFolder(tmp_path / "out")
    assert folder.videos() == ("ant", "bee")
    assert folder.has_probabilities
    truth = PredictionFolder(root)
    assert np.array_equal(folder.mask("ant", "00000"), truth.mask("ant", "00000"))
    manifest = folder.manifest
    assert (manifest["dataset"], manifest["split"]) == ("davis2017", "val")
    assert manifest["settings"]["memory"] == ["every:2", "visible"]
    assert manifest["checkpoints"][0]["recipe"]["model"]["name"] == "famnet"
    assert _call(arguments) == 1
    assert "--resume" in capsys.readouterr().err
    assert _call([*arguments, "--resume"]) == 0
    assert "0 videos" in capsys.readouterr().out


def test_fp32_on_the_processor_is_deterministic_and_one_video_can_be_chosen(
    tmp_path, checkpoint, root
):
    for name in ("one", "two"):
        arguments = _arguments(checkpoint, root, tmp_path / name, "--video", "bee", "-q")
        assert _call(arguments) == 0
    one, two = PredictionFolder(tmp_path / "one"), PredictionFolder(tmp_path / "two")
    assert one.videos() == ("bee",)
    for frame in one.frames("bee"):
        assert one.mask_path("bee", frame).read_bytes() == two.mask_path("bee", frame).read_bytes()


def test_objects_go_through_the_network_in_chunks_of_the_size_asked_for(
    tmp_path, checkpoint, root, monkeypatch
):
    plain, seen = SpaceTimeNetwork.memorize, []

    def watched(network, frame, *more):
        seen.append(frame.objects_at_once)
        plain(network, frame, *more)

    monkeypatch.setattr(SpaceTimeNetwork, "memorize", watched)
    for name, more in (("auto", ()), ("one", ("--objects-at-once", "1"))):
        assert _call(_arguments(checkpoint, root, tmp_path / name, "--video", "bee", *more)) == 0
    assert set(seen[: len(seen) // 2]) == {None} and set(seen[len(seen) // 2 :]) == {1}
    one, auto = PredictionFolder(tmp_path / "one"), PredictionFolder(tmp_path / "auto")
    for frame in one.frames("bee"):
        assert np.array_equal(one.mask("bee", frame), auto.mask("bee", frame))
    # Chunks change no results, so that a run may go on with others.
    again = _arguments(checkpoint, root, tmp_path / "one", "--video", "bee", "--resume")
    assert _call([*again, "--objects-at-once", "2"]) == 0


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            ["--objects-at-once", "0"],
            "objects_at_once: '0' is neither a whole number",
        ),
        (["--tta", "0"], "error: views: '0' is neither"),
        (["--tta", "flip,flip"], "names a view twice"),
        (["--tta", "nonsense"], "neither flip nor a scale"),
        (["--memory", "evry:5"], "did you mean every?"),
        (["--video", "cat"], "no such video: cat"),
        (["--feedback", "both"], "feedback: input should be 'own' or 'merged'"),
    ],
)
def test_wrong_usage(tmp_path, checkpoint, root, capsys, more, sentence):
    assert _call(_arguments(checkpoint, root, tmp_path / "out", *more)) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [None, b"", b"\x80\x04 pickle"])
def test_bad_checkpoints(tmp_path, root, capsys, content):
    path = tmp_path / "bad.ckpt"
    if content is not None:
        path.write_bytes(content)
    assert _call(_arguments(path, root, tmp_path / "out")) == 1
    assert "bad.ckpt" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_torchrun_shares_the_videos(tmp_path, checkpoint, root):
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        "-m", "vostool", *_arguments(checkpoint, root, tmp_path / "out", "-q"),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    assert _call(_arguments(checkpoint, root, tmp_path / "alone", "-q")) == 0
    shared, alone = PredictionFolder(tmp_path / "out"), PredictionFolder(tmp_path / "alone")
    for video in alone.videos():
        for frame in alone.frames(video):
            assert np.array_equal(shared.mask(video, frame), alone.mask(video, frame))
    manifest = json.loads((tmp_path / "out" / "run.json").read_text())
    assert {entry["status"] for entry in manifest["videos"].values()} == {"finished"}


def test_a_plan_tells_what_the_run_needs_and_writes_nothing_else(
    tmp_path, checkpoint, root, capsys, monkeypatch
):
    out, told = tmp_path / "out", tmp_path / "plan.json"
    arguments = _arguments(checkpoint, root, out, "--save-probabilities", "--json", str(told))
    assert _call(arguments) == 2
    assert "--json is of --plan" in capsys.readouterr().err
    assert _call([*arguments, "--plan"]) == 0
    shown = capsys.readouterr()
    assert "at most 2 at once" in shown.out and "available: pass" not in shown.err
    found = json.loads(told.read_text())
    assert not out.exists()
    assert [(video["name"], video["frames"]) for video in found["videos"]] == [
        ("ant", 4),
        ("bee", 4),
    ]
    assert _call(_arguments(checkpoint, root, out, "--save-probabilities")) == 0
    for kind, folder in (("masks", "Annotations"), ("probabilities", "Probabilities")):
        written = sum(path.stat().st_size for path in (out / folder).glob("*/*"))
        assert written / 1.5 < found[kind] < written * 1.5
    assert 0 < found["seconds"] < 60
    monkeypatch.setattr("vostool.stages.predict.plan.available_memory", lambda: -(10**12))
    capsys.readouterr()
    assert _call([*arguments, "--plan"]) == 0
    warned = capsys.readouterr().err
    assert "of memory are needed" in warned and "--objects-at-once 1" in warned
