"""`vostool demo --quick`: the same code as the demo, on less data."""

from __future__ import annotations

import json
import re
import zipfile

import pytest

from vostool.core.errors import OutputError, UsageError
from vostool.core.output import Output
from vostool.predictions.folder import PredictionFolder
from vostool.stages.demo.demo import MEMBERS, DemoOptions, demo
from vostool.training.checkpoints.checkpoint import read_checkpoint

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo")]


def test_all_steps_leave_their_results(quick_demo):
    out, shown, _ = quick_demo
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


def test_each_step_shows_its_command(quick_demo):
    _, _, log = quick_demo
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


def test_objects_appear_where_they_are_given(quick_demo):
    out, _, _ = quick_demo
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


def test_a_finished_demo_is_neither_mixed_with_another_nor_done_again(quick_demo):
    out, _, _ = quick_demo
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


def test_members_are_two_trainings_of_one_recipe(quick_demo):
    runs = [quick_demo[0] / "runs" / member for member in MEMBERS]
    recipes = [json.loads((run / "recipe.json").read_text()) for run in runs]
    assert [recipe["loop"].pop("seed") for recipe in recipes] == [0, 1]
    assert recipes[0] == recipes[1]
    one, other = (read_checkpoint(run / "best.ckpt")[0] for run in runs)
    assert any((one[name] != other[name]).any() for name in one)
