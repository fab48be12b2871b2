"""What is finished is told by run.json: not by files that exist, and to everyone who reads them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from small_davis import write_davis

from vostool.cli import main as module
from vostool.core.errors import DataError
from vostool.core.output import Output
from vostool.core.types import ObjectIds
from vostool.datasets.selection import Selection
from vostool.media.masks import read_mask, write_mask
from vostool.predictions.folder import PredictionFolder
from vostool.predictions.manifest import Shard
from vostool.predictions.run import Planned, PredictionRun
from vostool.reporting import pictures as drawing
from vostool.stages.demo.demo_data import DemoDataOptions, make_demo_data
from vostool.stages.predict import baseline as baseline_stage
from vostool.stages.score.report import report
from vostool.training.checkpoints.run_folder import RunFolder

PLAN = {name: Planned(("0", "1"), ObjectIds((1,))) for name in "ab"}


class Killed(BaseException):
    """Stands for a kill: no code of ours tidies up after it."""


@pytest.fixture(scope="module")
def davis(tmp_path_factory: pytest.TempPathFactory) -> Selection:
    root = write_davis(tmp_path_factory.mktemp("davis"), train="abc", val="de")
    return Selection("davis2016", root, "val")


def predictions(davis: Selection, out: Path, shift: int = 0) -> Path:
    """The truth moved by some pixels, as a finished run of ours."""
    videos = {video.name: video for video in davis.load()}
    planned = {name: Planned(video.output_frames, video.ids) for name, video in videos.items()}
    about = {"command": "test", **davis.record}
    run = PredictionRun(Output(out), about, {"shift": shift}, planned, inputs=[])
    for name, plan in planned.items():
        for frame in plan.frames:
            truth = davis.root / "Annotations" / "480p" / name / f"{frame}.png"
            ids = (read_mask(truth) > 0).astype(np.uint8)
            run.writer.write_mask(name, frame, np.roll(ids, shift, axis=1))
        run.finish(name, 0.0)
    return out


def set_status(folder: Path, video: str, status: str) -> None:
    manifest = json.loads((folder / "run.json").read_text())
    manifest["videos"][video]["status"] = status
    (folder / "run.json").write_text(json.dumps(manifest))


def command(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        module.main([str(argument) for argument in arguments])
    return int(caught.value.code or 0)


def test_files_of_an_earlier_run_do_not_make_a_video_finished(tmp_path: Path) -> None:
    """The state after a kill between the new manifest and the removal of a video's old files."""
    run = PredictionRun(Output(tmp_path), {}, {"network": "new"}, PLAN, inputs=[])
    for name, plan in PLAN.items():
        for frame in plan.frames:
            run.writer.write_mask(name, frame, np.ones((4, 6), np.uint8))
    run.finish("b", 0.0)
    again = PredictionRun(Output(tmp_path, resume=True), {}, {"network": "new"}, PLAN, inputs=[])
    assert again.todo == ["a"]


def test_a_finished_video_that_lost_a_file_is_done_again(tmp_path: Path) -> None:
    run = PredictionRun(Output(tmp_path), {}, {}, PLAN, inputs=[])
    for name in "ab":
        for frame in "01":
            run.writer.write_mask(name, frame, np.ones((4, 6), np.uint8))
        run.finish(name, 0.0)
    run.writer.mask_path("b", "1").unlink()
    assert PredictionRun(Output(tmp_path, resume=True), {}, {}, PLAN, inputs=[]).todo == ["b"]


@pytest.mark.parametrize("how", ["resume", "overwrite"])
def test_half_written_files_of_a_killed_run_are_no_obstacle(tmp_path: Path, how: str) -> None:
    run = PredictionRun(Output(tmp_path), {}, {}, PLAN, inputs=[])
    run.writer.write_mask("a", "0", np.ones((4, 6), np.uint8))
    left = tmp_path / "Annotations" / "a" / ".partial-0123abcd.png"
    left.write_text("half")
    again = PredictionRun(Output(tmp_path, **{how: True}), {}, {}, PLAN, inputs=[])
    assert again.todo == ["a", "b"]
    assert how == "resume" or not left.exists()


@pytest.mark.parametrize("after", [1, 3, 5])
def test_overwriting_killed_and_resumed_is_as_if_made_anew(
    davis: Selection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    whole = baseline_stage.baseline(davis, Output(tmp_path / "whole"))
    out = predictions(davis, tmp_path / "out", shift=7)
    written = []

    def write(path: Path, ids: np.ndarray) -> None:
        if len(written) == after:
            raise Killed
        written.append(path)
        write_mask(path, ids)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("vostool.predictions.folder.write_mask", write)
        baseline_stage.baseline(davis, Output(out, overwrite=True))
    baseline_stage.baseline(davis, Output(out, resume=True))
    expected = {path.relative_to(whole): path.read_bytes() for path in whole.rglob("*.png")}
    assert {path.relative_to(out): path.read_bytes() for path in out.rglob("*.png")} == expected


def test_an_interrupted_report_leaves_no_page_with_other_pictures(
    davis: Selection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = (predictions(davis, tmp_path / f"shift{n}", shift=n) for n in (0, 9))
    page = report([old], davis, Output(tmp_path / "page")).page
    (page.parent / "notes.html").write_text("mine")
    drawn = []

    def write(path: Path, data: bytes) -> None:
        if len(drawn) == 6:
            raise Killed
        drawn.append(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"new")

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(drawing, "write_bytes", write)
        report([new], davis, Output(tmp_path / "page", overwrite=True))
    # The page of the first video is whole, with its own pictures; nothing is left of the old ones.
    assert [path.name for path in page.parent.glob("*.html") if path.name != "notes.html"] in (
        ["01-d.html"],
        ["01-e.html"],
    )
    assert all(path.read_bytes() == b"new" for path in page.parent.rglob("*.jpg"))
    report([new], davis, Output(tmp_path / "page", overwrite=True))
    anew = report([new], davis, Output(tmp_path / "anew")).page
    files = {path.relative_to(anew.parent) for path in anew.parent.rglob("*") if path.is_file()}
    assert len(files) > 10
    for name in files:
        assert (page.parent / name).read_bytes() == (anew.parent / name).read_bytes()
    there = {path.relative_to(page.parent) for path in page.parent.rglob("*") if path.is_file()}
    assert there - files == {Path("notes.html")}


@pytest.mark.parametrize("name", ["../victim.ckpt", "..\\victim.ckpt", "/victim.ckpt", "victim"])
def test_a_listing_removes_nothing_outside_its_run(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (tmp_path / "victim.ckpt").write_text("precious")
    entries = [{"file": name, "iteration": 1}, {"file": "iteration-00000002.ckpt", "iteration": 2}]
    (folder / "checkpoints.json").write_text(json.dumps(entries))
    with pytest.raises(DataError, match=r"0\.file.*checkpoints\.json.*delete this file"):
        RunFolder(folder, keep=1).entries()
    assert (tmp_path / "victim.ckpt").read_text() == "precious"


def readers(davis: Selection, folder: Path, other: Path, out: Path) -> dict[str, list[object]]:
    where = ["--dataset", davis.dataset, "--root", davis.root, "--split", davis.split]
    return {
        "postprocess": [folder, "--steps", "largest-component", "--out", out, *where],
        "vote": [folder, other, folder, "--method", "vote", "--out", out],
        "evaluate": [folder, *where],
        "report": [other, folder, *where, "--out", out],
        "export-overlay": [folder, *where, "--out", out],
    }


@pytest.mark.parametrize("status", ["pending", "failed"])
@pytest.mark.parametrize(
    "name", list(readers(Selection("x", Path(), "y"), Path(), Path(), Path("o")))
)
def test_half_done_inputs_are_refused(
    davis: Selection, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, status: str
) -> None:
    folder, other = (predictions(davis, tmp_path / name) for name in ("one", "two"))
    set_status(folder, "d", status)
    if status == "pending":
        (folder / "Annotations" / "d" / "00003.png").unlink()
    else:
        shutil.rmtree(folder / "Annotations" / "d")
    arguments = readers(davis, folder, other, tmp_path / "out")[name]
    assert command("ensemble" if name == "vote" else name, *arguments) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("error: these predictions are not finished: 1 videos (d)")
    assert str(folder) in said and "--resume" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("status", ["pending", "failed"])
def test_half_done_inputs_are_not_packed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], status: str
) -> None:
    options = DemoDataOptions(train_videos=1, valid_videos=2, frames=4, height=64, width=96)
    root = make_demo_data(tmp_path / "data", options=options)
    where = ["--dataset", "youtubevos2019", "--root", root, "--split", "valid"]
    assert command("baseline", *where, "--out", tmp_path / "one") == 0
    name = PredictionFolder(tmp_path / "one").videos()[0]
    out = ["--out", tmp_path / "out.zip"]
    assert command("package-submission", tmp_path / "one", *where, *out, "--overwrite") == 0
    (tmp_path / "out.zip").unlink()
    set_status(tmp_path / "one", name, status)
    capsys.readouterr()
    assert command("package-submission", tmp_path / "one", *where, *out) == 1
    assert f"not finished: 1 videos ({name})" in capsys.readouterr().err
    assert not (tmp_path / "out.zip").exists()


def test_what_is_finished_can_be_scored_and_compared_meanwhile(
    davis: Selection, tmp_path: Path
) -> None:
    folder = predictions(davis, tmp_path / "one")
    set_status(folder, "d", "pending")
    where = ["--dataset", davis.dataset, "--root", davis.root, "--split", davis.split]
    assert command("evaluate", folder, *where, "--video", "e") == 0
    assert command("report", folder, *where, "--out", tmp_path / "r", "--allow-partial") == 0


def test_a_process_that_has_not_begun_leaves_the_folder_unfinished(tmp_path: Path) -> None:
    plan = {"a": PLAN["a"]}
    run = PredictionRun(Output(tmp_path), {}, {}, plan, inputs=[], shard=Shard(0, 2))
    for frame in "01":
        run.writer.write_mask("a", frame, np.ones((4, 6), np.uint8))
    run.finish("a", 0.0)
    with pytest.raises(DataError, match="not finished"):
        PredictionFolder(tmp_path).require_finished()
