"""`infer` as a stage: folders, resuming, bad input, shares; with the stub network."""

from __future__ import annotations

import errno
import json
import os
import weakref
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from colour_stub import ColourStub
from moving_squares import write_video

from vostool.core.errors import DataError, OutputError, UsageError, VostoolError
from vostool.core.output import Output
from vostool.datasets.selection import Selection
from vostool.media.masks import write_mask
from vostool.predictions.folder import PredictionFolder
from vostool.stages.predict import networks as stage
from vostool.stages.predict.infer import InferenceSettings, infer

FAST = {"precision": "fp32", "device": "cpu"}


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    """A file that loads as the stub."""
    path = tmp_path / "stub.ckpt"
    path.write_text("stub")
    monkeypatch.setattr(stage, "load_segmenter", lambda path: (ColourStub(), {"name": "stub"}))
    return path


@pytest.fixture
def videos(tmp_path):
    """Three small videos and their true masks."""
    made = [
        write_video(tmp_path / "data", name, 5, starts=starts, seed=k)
        for k, (name, starts) in enumerate([("a", {}), ("b", {7: 2}), ("c", {2: 1, 7: 3})])
    ]
    return [video for video, _ in made], {video.name: truth for video, truth in made}


def _files(root):
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.suffix in (".png", ".npz")
    }


def _status(root):
    return {
        k: v["status"] for k, v in json.loads((root / "run.json").read_text())["videos"].items()
    }


def test_masks_probabilities_and_manifest(tmp_path, checkpoint, videos):
    settings = InferenceSettings.of(views="flip", save_probabilities=True, **FAST)
    result = infer([checkpoint], videos[0], Output(tmp_path / "out"), settings)
    assert result.videos == ("a", "b", "c")
    assert result.frames == 15
    folder = PredictionFolder(tmp_path / "out")
    assert folder.videos() == ("a", "b", "c")
    for name, truth in videos[1].items():
        assert folder.frames(name) == tuple(truth)
        for frame, mask in truth.items():
            assert np.array_equal(folder.mask(name, frame), mask)
            planes, ids = folder.probabilities(name, frame)
            assert list(ids) == [2, 7]
            assert np.array_equal(ids.to_ids(planes.argmax(0)), mask)
    manifest = folder.manifest
    assert manifest["command"] == "infer"
    assert manifest["settings"]["memory"] == ["every:5"]
    assert manifest["checkpoints"][0]["recipe"] == {"name": "stub"}
    assert len(manifest["checkpoints"][0]["sha256"]) == 64
    assert manifest["videos"]["b"]["frames"] == 5
    assert manifest["videos"]["b"]["ids"] == [2, 7]
    assert manifest["videos"]["b"]["seconds"] >= 0
    assert set(_status(tmp_path / "out").values()) == {"finished"}


def test_only_output_frames_unless_all_are_wanted(tmp_path, checkpoint):
    video, truth = write_video(tmp_path / "data", "v", 6, output=("00000", "00003"))
    for all_frames, names in ((False, ("00000", "00003")), (True, tuple(truth))):
        out = tmp_path / f"out{all_frames}"
        infer(
            [checkpoint], [video], Output(out), InferenceSettings.of(all_frames=all_frames, **FAST)
        )
        assert PredictionFolder(out).frames("v") == names
        assert np.array_equal(PredictionFolder(out).mask("v", "00003"), truth["00003"])


def test_resume_redoes_unfinished_videos_only(tmp_path, checkpoint, videos):
    out, settings = tmp_path / "out", InferenceSettings.of(save_probabilities=True, **FAST)
    infer([checkpoint], videos[0], Output(out), settings)
    complete = _files(out)
    (out / "Annotations" / "b" / "00003.png").unlink()
    (out / "Probabilities" / "c" / "00000.npz").unlink()
    kept = out / "Annotations" / "a" / "00000.png"
    before = kept.stat().st_mtime_ns
    with pytest.raises(OutputError, match="not empty"):
        infer([checkpoint], videos[0], Output(out), settings)
    assert infer([checkpoint], videos[0], Output(out, resume=True), settings).videos == ("b", "c")
    assert kept.stat().st_mtime_ns == before
    assert _files(out) == complete
    assert infer([checkpoint], videos[0], Output(out, resume=True), settings).videos == ()
    assert set(_status(out).values()) == {"finished"}


def test_resume_with_other_settings_or_in_a_foreign_folder_is_refused(tmp_path, checkpoint, videos):
    out = tmp_path / "out"
    infer([checkpoint], videos[0][:1], Output(out), InferenceSettings.of(**FAST))
    with pytest.raises(UsageError, match=r"views was 'none' and is 'flip'"):
        infer(
            [checkpoint],
            videos[0],
            Output(out, resume=True),
            InferenceSettings.of(views="flip", **FAST),
        )
    checkpoint.write_text("other weights")
    with pytest.raises(UsageError, match=r"other settings: checkpoints"):
        infer([checkpoint], videos[0], Output(out, resume=True), InferenceSettings.of(**FAST))
    (out / "run.json").unlink()
    with pytest.raises(OutputError, match="not made by this command"):
        infer([checkpoint], videos[0], Output(out, resume=True), InferenceSettings.of(**FAST))


def test_overwrite_leaves_nothing_of_the_old_run(tmp_path, checkpoint, videos):
    out = tmp_path / "out"
    infer([checkpoint], videos[0], Output(out), InferenceSettings.of(**FAST))
    infer([checkpoint], videos[0][1:2], Output(out, overwrite=True), InferenceSettings.of(**FAST))
    assert PredictionFolder(out).videos() == ("b",)
    assert _status(out) == {"b": "finished"}


def test_overwrite_leaves_masks_alone_that_somebody_else_put_there(tmp_path, checkpoint, videos):
    out = tmp_path / "out"
    infer([checkpoint], videos[0][:1], Output(out), InferenceSettings.of(**FAST))
    write_mask(out / "Annotations" / "a" / "99999.png", np.zeros((4, 4), np.uint8))
    before = _files(out)
    with pytest.raises(OutputError, match=r"no earlier run wrote there: Annotations/a/99999\.png"):
        infer(
            [checkpoint], videos[0][:1], Output(out, overwrite=True), InferenceSettings.of(**FAST)
        )
    assert _files(out) == before


@pytest.mark.parametrize("more", [{"overwrite": True}, {"resume": True}])
@pytest.mark.parametrize("how", ["root", "annotations", "link", "link inside", "linked data"])
def test_a_data_set_is_never_written_into(tmp_path, checkpoint, videos, how, more):
    masks = videos[0][0].frames[0].annotation.parent
    root = masks.parent
    before = _files(root)
    out = {"root": root, "annotations": masks}.get(how, tmp_path / "out")
    if how == "link":
        out.symlink_to(root)
    elif how == "link inside":
        out.mkdir()
        (out / "Annotations").symlink_to(masks)
    elif how == "linked data":
        out = root
        (tmp_path / "view").symlink_to(root)
        videos = [[_moved(video, root, tmp_path / "view") for video in videos[0]]]
    with pytest.raises(UsageError, match="what is read"):
        infer([checkpoint], videos[0], Output(out, **more), InferenceSettings.of(**FAST))
    assert _files(root) == before


def _moved(video, root, view):
    """The same video, its files named by another way."""
    frames = [
        replace(
            frame,
            image=view / frame.image.relative_to(root),
            annotation=frame.annotation and view / frame.annotation.relative_to(root),
        )
        for frame in video.frames
    ]
    return replace(video, frames=tuple(frames))


def _truncate(path):
    path.write_bytes(path.read_bytes()[:200])


def _remove(path):
    path.unlink()


@pytest.mark.parametrize("damage", [_truncate, _remove])
def test_an_unreadable_frame_costs_its_video_only(tmp_path, checkpoint, videos, damage):
    broken = videos[0][1].frames[3].image
    whole = broken.read_bytes()
    damage(broken)
    out = tmp_path / "out"
    with pytest.raises(DataError, match=r"b/00003\.png"):
        infer([checkpoint], videos[0], Output(out), InferenceSettings.of(**FAST))
    assert PredictionFolder(out).videos() == ("a", "c")
    assert _status(out) == {"a": "finished", "b": "failed", "c": "finished"}
    broken.write_bytes(whole)
    assert infer(
        [checkpoint], videos[0], Output(out, resume=True), InferenceSettings.of(**FAST)
    ).videos == ("b",)
    assert set(_status(out).values()) == {"finished"}


@pytest.mark.parametrize(
    ("mask", "sentence"),
    [
        (np.zeros((50, 81), np.uint8), "empty"),
        (np.full((20, 20), 2, np.uint8), "20 x 20"),
    ],
)
def test_bad_first_masks_are_named(tmp_path, checkpoint, videos, mask, sentence):
    write_mask(videos[0][0].frames[0].annotation, mask)
    with pytest.raises(DataError, match=sentence) as caught:
        infer([checkpoint], videos[0], Output(tmp_path / "out"), InferenceSettings.of(**FAST))
    assert "a-masks/00000.png" in str(caught.value)
    assert PredictionFolder(tmp_path / "out").videos() == ("b", "c")


def test_interrupted_runs_resume_to_the_same_files(tmp_path, checkpoint, videos, monkeypatch):
    settings = InferenceSettings.of(memory=("every:2", "visible"), **FAST)
    infer([checkpoint], videos[0], Output(tmp_path / "whole"), settings)
    calls = iter(range(1000))
    segment = ColourStub.segment

    def interrupted(self, *arguments):
        if next(calls) == 11:
            raise KeyboardInterrupt
        return segment(self, *arguments)

    monkeypatch.setattr(ColourStub, "segment", interrupted)
    with pytest.raises(KeyboardInterrupt):
        infer([checkpoint], videos[0], Output(tmp_path / "out"), settings)
    assert _status(tmp_path / "out") == {"a": "finished", "b": "pending", "c": "pending"}
    infer([checkpoint], videos[0], Output(tmp_path / "out", resume=True), settings)
    assert _files(tmp_path / "out") == _files(tmp_path / "whole")


def test_no_space_left_is_explained_and_can_be_resumed(tmp_path, checkpoint, videos, monkeypatch):
    out, replace = tmp_path / "out", os.replace

    def full(source, target):
        if str(target).endswith("b/00002.png"):
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(OutputError, match=r"no space left.*b/00002\.png.*--resume"):
            infer([checkpoint], videos[0], Output(out), InferenceSettings.of(**FAST))
    assert not list(out.rglob(".partial-*"))
    result = infer([checkpoint], videos[0], Output(out, resume=True), InferenceSettings.of(**FAST))
    assert result.videos == ("b", "c")


def test_processes_share_the_videos(tmp_path, checkpoint, videos, monkeypatch):
    infer([checkpoint], videos[0], Output(tmp_path / "alone"), InferenceSettings.of(**FAST))
    out = tmp_path / "shared"
    monkeypatch.setenv("WORLD_SIZE", "2")
    done = []
    for rank in ("1", "0"):
        monkeypatch.setenv("RANK", rank)
        done += infer([checkpoint], videos[0], Output(out), InferenceSettings.of(**FAST)).videos
    assert sorted(done) == ["a", "b", "c"]
    assert _files(out) == _files(tmp_path / "alone")
    assert set(_status(out).values()) == {"finished"}
    with pytest.raises(OutputError, match="not empty"):
        infer([checkpoint], videos[0], Output(out), InferenceSettings.of(**FAST))
    monkeypatch.delenv("RANK")
    monkeypatch.delenv("WORLD_SIZE")
    assert (
        infer(
            [checkpoint], videos[0], Output(out, resume=True), InferenceSettings.of(**FAST)
        ).videos
        == ()
    )


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"views": "0"}, "views: '0' is neither flip nor a scale"),
        ({"views": "flip,flip"}, "names a view twice"),
        ({"views": "nonsense"}, "neither flip nor a scale"),
        ({"memory": ("every:0",)}, "cannot understand the memory strategy"),
        ({"memory": ()}, "no memory strategy"),
        ({"max_memory": 0}, "max_memory: input should be greater than"),
        ({"short_side": -1}, "short_side: -1 is neither a whole number of at least 1 nor auto"),
        ({"feedback": "both"}, "feedback: input should be 'own' or 'merged'"),
        ({"precision": "fp8"}, "precision: input should be 'auto'"),
        ({"device": "abacus"}, "unknown device"),
        ({"merge": {"weights": "1,2,3"}}, "3 weights"),
        ({"sort_side": 3}, r"unknown key sort_side \(did you mean short_side\?\)"),
    ],
)
def test_wrong_usage_writes_nothing(tmp_path, checkpoint, videos, settings, sentence):
    with pytest.raises(UsageError, match=sentence):
        infer([checkpoint], videos[0], Output(tmp_path / "out"), InferenceSettings.of(**settings))
    assert not (tmp_path / "out").exists()


def test_checkpoints_are_needed_once_each(tmp_path, checkpoint, videos):
    with pytest.raises(UsageError, match="no checkpoint"):
        infer([], videos[0], Output(tmp_path / "out"))
    with pytest.raises(UsageError, match="given twice"):
        infer(
            [checkpoint, checkpoint],
            videos[0],
            Output(tmp_path / "out"),
            InferenceSettings.of(**FAST),
        )


def test_real_video_with_late_objects(tmp_path, checkpoint, shared_data):
    """YouTube-VOS layout, sparse annotations. The stub knows colours only, so nothing is scored."""
    meta = json.loads((shared_data / "BMS26" / "valid" / "meta.json").read_text())["videos"]
    starts = {
        name: {int(k): min(item["frames"]) for k, item in entry["objects"].items()}
        for name, entry in meta.items()
    }
    late = [name for name, entry in starts.items() if len(set(entry.values())) > 1]
    frames = shared_data / "BMS26" / "valid" / "JPEGImages"
    name = min(late, key=lambda video: len(list((frames / video).iterdir())))
    choice = Selection("youtubevos2019", shared_data / "BMS26", "valid", (name,))
    infer(
        [checkpoint], choice, Output(tmp_path / "out"), InferenceSettings.of(short_side=64, **FAST)
    )
    folder = PredictionFolder(tmp_path / "out")
    assert folder.videos() == (name,)
    for frame in folder.frames(name):
        shown = set(np.unique(folder.mask(name, frame)).tolist())
        assert not shown & {value for value, start in starts[name].items() if frame < start}
    last = max(starts[name].values())
    newest = {value for value, start in starts[name].items() if start == last}
    assert newest <= set(np.unique(folder.mask(name, last)).tolist())


class SizeStub(ColourStub):
    """Notes the sizes it sees where copies of it do so, too."""

    sizes: ClassVar[list[tuple[int, ...]]] = []

    def encode(self, frame):
        self.sizes.append(tuple(frame.images.shape[-2:]))
        return super().encode(frame)


@pytest.mark.parametrize(
    ("chosen", "sizes", "smaller"),
    [
        ({}, {(480, 624), (480, 640)}, ["large"]),
        ({"short_side": "full"}, {(512, 656), (480, 640)}, None),
        ({"long_side": 2000}, {(512, 656), (480, 640)}, None),
        ({"short_side": 64}, {(64, 80)}, None),
    ],
)
def test_frames_above_480p_are_made_smaller_and_that_is_said(
    tmp_path, checkpoint, monkeypatch, caplog, chosen, sizes, smaller
):
    monkeypatch.setattr(stage, "load_segmenter", lambda path: (SizeStub(), {"name": "stub"}))
    monkeypatch.setattr(SizeStub, "sizes", [])
    made = [
        write_video(tmp_path / "data", name, 2, size=size)
        for name, size in (("large", (500, 650)), ("usual", (480, 640)))
    ]
    caplog.set_level("INFO")
    out = tmp_path / "out"
    settings = InferenceSettings.of(**chosen, **FAST)
    infer([checkpoint], [video for video, _ in made], Output(out), settings)
    assert set(SizeStub.sizes) == sizes
    said = [record.message for record in caplog.records if "--short-side full" in record.message]
    manifest = json.loads((out / "run.json").read_text())
    if smaller is None:
        assert not said and "made_smaller" not in manifest
    else:
        assert len(said) == 1 and "1 of 2 videos" in said[0]
        assert manifest["made_smaller"] == {"short_side": 480, "videos": smaller}
    folder = PredictionFolder(out)
    for video, truth in made:
        assert folder.mask(video.name, "00001").shape == truth["00001"].shape


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't "
                     "allocate memory: you tried to allocate 99 bytes. Error code 12"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    ],
    ids=["python", "processor", "gpu"],
)  # fmt: skip
def test_a_video_that_needs_too_much_memory_is_left_out_with_a_sentence(
    tmp_path, checkpoint, monkeypatch, caplog, error
):
    """What the failed frame held is let go of before the next video begins."""
    held: list[weakref.ref] = []

    class Hungry(ColourStub):
        def segment(self, frame, features, state):
            if len(state.slots) < 3:
                assert not held or held[0]() is None
                return super().segment(frame, features, state)
            block = torch.zeros(1000)
            held.append(weakref.ref(block))
            raise type(error)(*error.args)

    monkeypatch.setattr(stage, "load_segmenter", lambda path: (Hungry(), {"name": "stub"}))
    made = [
        write_video(tmp_path / "data", name, 3, ids=ids)[0]
        for name, ids in (("a", (2, 7)), ("b", (2, 7, 9)), ("c", (2,)))
    ]
    out, settings = tmp_path / "out", InferenceSettings.of(**FAST)
    with pytest.raises(VostoolError) as caught:
        infer([checkpoint], made, Output(out), settings)
    assert caught.value.exit_code == 1
    told = str(caught.value)
    assert told.startswith("not enough memory (video b with 3 objects): ")
    assert all(word in told for word in ("--objects-at-once", "--short-side", "--max-memory"))
    assert held and _status(out) == {"a": "finished", "b": "failed", "c": "finished"}
    assert not list((out / "Annotations").glob("b/*"))
    monkeypatch.setattr(stage, "load_segmenter", lambda path: (ColourStub(), {"name": "stub"}))
    again = settings.changed(objects_at_once=1)
    assert infer([checkpoint], made, Output(out, resume=True), again).videos == ("b",)
