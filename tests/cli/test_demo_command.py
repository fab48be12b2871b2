"""`vostool demo --quick`: the same code as the demo, on less data."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from vostool.core.errors import OutputError, UsageError
from vostool.core.output import Output
from vostool.predictions.folder import PredictionFolder
from vostool.stages.demo.demo import MEMBERS, DemoOptions, demo
from vostool.training.checkpoints.checkpoint import read_checkpoint

LIMIT_SECONDS = 900


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, str, str]:
    """Folder, standard output and standard error of a quick run in a process of its own.

    In this process OpenCV runs one thread, which would hide what its threads do to loaders.
    """
    out = tmp_path_factory.mktemp("demo") / "out"
    run = subprocess.run(
        [sys.executable, "-m", "vostool", "demo", "--quick", "--out", str(out)],
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        env={**os.environ, "COLUMNS": "200"},
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return out, run.stdout, run.stderr


@pytest.mark.slow
def test_all_steps_leave_their_results(finished):
    out, shown, _ = finished
    for name in (*MEMBERS, "ensemble", "final", "first-mask"):
        folder = PredictionFolder(out / "preds" / name)
        assert folder.videos() == ("valid000", "valid001")
        assert all(len(folder.frames(video)) == 6 for video in folder.videos())
    with zipfile.ZipFile(out / "submission.zip") as archive:
        assert len(archive.namelist()) == 12
    html = (out / "report" / "index.html").read_text()
    for label in ("copy of the first mask", *MEMBERS, "ensemble", "post-processed"):
        assert label in html
        assert label in shown
    assert shown.rstrip().endswith(str(out / "report" / "index.html"))


@pytest.mark.slow
def test_each_step_shows_its_command(finished):
    _, _, log = finished
    # Members' lines have the member's name in front where they are made side by side.
    shown = re.findall(r"^(?:\S+: )?(\$ vostool (\S+) .*)$", log, re.MULTILINE)
    for member in MEMBERS:
        of_member = [name for line, name in shown if re.search(rf"{member}\b", line)]
        assert of_member[:2] == ["train", "infer"]
    commands = [name for _, name in shown]
    assert commands[0] == "train"
    assert sorted(commands[1:5]) == ["infer"] * 2 + ["train"] * 2
    assert commands[5:] == [
        "ensemble",
        "postprocess",
        "package-submission",
        "check-submission",
        "baseline",
        "report",
    ]


@pytest.mark.slow
def test_objects_appear_where_they_are_given(finished):
    out, _, _ = finished
    meta = json.loads((out / "data" / "valid" / "meta.json").read_text())["videos"]
    late = [
        (video, int(object_id), item["frames"][0])
        for video, entry in meta.items()
        for object_id, item in entry["objects"].items()
        if item["frames"][0] > "00000"
    ]
    assert late
    folder = PredictionFolder(out / "preds" / "final")
    for video, object_id, start in late:
        for frame in folder.frames(video):
            if frame <= start:
                assert (folder.mask(video, frame) == object_id).any() == (frame == start)


@pytest.mark.slow
def test_a_finished_demo_is_neither_mixed_with_another_nor_done_again(finished):
    out, _, _ = finished
    with pytest.raises(OutputError, match="--resume"):
        demo(Output(out, resume=False), DemoOptions.quick())
    with pytest.raises(UsageError, match="other options"):
        demo(Output(out, resume=True), DemoOptions.quick(seed=1))
    before = (out / "submission.zip").read_bytes()
    weights = (out / "runs" / MEMBERS[0] / "best.ckpt").stat().st_mtime_ns
    again = demo(Output(out, resume=True), DemoOptions.quick())
    assert (out / "submission.zip").read_bytes() == before
    assert (out / "runs" / MEMBERS[0] / "best.ckpt").stat().st_mtime_ns == weights
    assert next(iter(again.scores)) == "copy of the first mask"
    assert all(0 <= scores.score <= 1 for scores in again.scores.values())


@pytest.mark.slow
def test_members_are_two_trainings_of_one_recipe(finished):
    runs = [finished[0] / "runs" / member for member in MEMBERS]
    recipes = [json.loads((run / "recipe.json").read_text()) for run in runs]
    assert [recipe["loop"].pop("seed") for recipe in recipes] == [0, 1]
    assert recipes[0] == recipes[1]
    one, other = (read_checkpoint(run / "best.ckpt")[0] for run in runs)
    assert any((one[name] != other[name]).any() for name in one)
