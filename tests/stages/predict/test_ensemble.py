"""`ensemble` over folders: equal to in-step averaging, disagreement, resuming."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from colour_stub import ColourStub
from moving_squares import squares

from vostool.core.errors import DataError, OutputError, UsageError
from vostool.core.output import Output
from vostool.core.types import ObjectIds
from vostool.ensembling.options import MergeOptions
from vostool.inference.engine import Member, run_video
from vostool.inference.propagation_options import PropagationOptions
from vostool.inference.source import ArraySource
from vostool.inference.strategy import parse_strategies
from vostool.predictions.folder import PredictionFolder, PredictionWriter
from vostool.predictions.quantise import to_uint8
from vostool.stages.predict.ensemble import ensemble

IDS = ObjectIds((2, 7))


def _run_into(root, source, stubs, memory, tta, merge=None):
    members = [Member(stub, parse_strategies(memory)) for stub in stubs]
    options = PropagationOptions(views=tta, merge=merge or MergeOptions())
    writer = PredictionWriter(root)
    for result in run_video(source, members, options, probabilities=True):
        writer.write_mask(source.name, result.name, result.mask)
        planes = to_uint8(result.probabilities)
        writer.write_probabilities(source.name, result.name, planes, source.ids)


@pytest.mark.parametrize(
    "merge",
    [
        MergeOptions(),
        MergeOptions(weights="4,1,0.5,2"),
        MergeOptions(method="vote"),
        MergeOptions(method="vote", weights="2,3,2,2"),
    ],
    ids=lambda merge: f"{merge.method} {merge.weights}",
)
def test_own_feedback_in_step_equals_separate_runs_and_ensemble(tmp_path, merge):
    images, _, given = squares(6, drift=8, starts={7: 2})
    source = ArraySource("v", images, given)
    memory = ["every:2", "first-previous"]
    stubs = [ColourStub(60.0), ColourStub(5.0)]
    _run_into(tmp_path / "step", source, stubs, memory, "flip,0.5", merge)
    parts = []
    for sharpness in (60.0, 5.0):
        for strategy in memory:
            parts.append(tmp_path / f"{sharpness}-{strategy.replace(':', '')}")
            _run_into(parts[-1], source, [ColourStub(sharpness)], [strategy], "flip,0.5")
    ensemble(parts, Output(tmp_path / "out"), merge=merge, save_probabilities=True)
    step, combined = PredictionFolder(tmp_path / "step"), PredictionFolder(tmp_path / "out")
    assert step.frames("v") == combined.frames("v")
    for frame in step.frames("v"):
        ours, ids = combined.probabilities("v", frame)
        theirs, same = step.probabilities("v", frame)
        assert ids == same == IDS
        assert np.abs(ours.astype(int) - theirs).max() <= 1
        sure = np.sort(theirs, 0)[-1].astype(int) - np.sort(theirs, 0)[-2] > 2
        assert np.array_equal(combined.mask("v", frame)[sure], step.mask("v", frame)[sure])


def _member(root, rng, *, videos=("a", "b"), frames=2, size=(6, 8), ids=IDS, probabilities=True):
    writer = PredictionWriter(root)
    for video in videos:
        for t in range(frames):
            planes = rng.integers(0, 200, (len(ids) + 1, *size)).astype(np.uint8)
            writer.write_mask(video, f"{t}", ids.to_ids(planes.argmax(0)))
            if probabilities:
                writer.write_probabilities(video, f"{t}", planes, ids)
    return root


def _files(root):
    return {
        path.relative_to(root): path.read_bytes() for path in root.rglob("*.*") if path.is_file()
    }


def test_one_member_gives_itself(tmp_path, rng):
    member = _member(tmp_path / "m", rng)
    result = ensemble([member], Output(tmp_path / "out"), save_probabilities=True)
    assert result.method == "mean"
    assert result.frames == 4
    files = _files(tmp_path / "out")
    manifest = json.loads(files.pop(Path("run.json")))
    assert files == _files(member)
    assert manifest["parents"][0]["path"] == str(member)
    assert {entry["status"] for entry in manifest["videos"].values()} == {"finished"}
    assert manifest["videos"]["a"]["ids"] == [2, 7]


def test_weights_decide(tmp_path, rng):
    members = [_member(tmp_path / name, rng) for name in "xyz"]
    ensemble(members, Output(tmp_path / "out"), merge=MergeOptions(weights=[0, 1, 0]))
    out, wanted = PredictionFolder(tmp_path / "out"), PredictionFolder(members[1])
    for frame in ("0", "1"):
        assert np.array_equal(out.mask("a", frame), wanted.mask("a", frame))


def test_masks_alone_are_voted_on(tmp_path, rng):
    members = [_member(tmp_path / name, rng, probabilities=False) for name in "xyz"]
    result = ensemble(members, Output(tmp_path / "out"))
    assert result.method == "vote"
    folders = [PredictionFolder(path) for path in members]
    masks = np.stack([folder.mask("b", "1") for folder in folders])
    votes = np.stack([(masks == value).sum(0) for value in (0, 2, 7)])
    expected = np.array([0, 2, 7])[votes.argmax(0)]
    assert np.array_equal(PredictionFolder(tmp_path / "out").mask("b", "1"), expected)
    assert (votes.max(0) == 1).any(), "ties were tested too: they go to the background"
    ensemble(members[::-1], Output(tmp_path / "reversed"))
    assert _masks(tmp_path / "reversed") == _masks(tmp_path / "out")


def _masks(root):
    return {name: data for name, data in _files(root).items() if name.suffix == ".png"}


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        (None, "two masks have no majority"),
        ([1, 1], "two masks have no majority"),
        ([2, 1], "x alone outvotes all others"),
    ],
)
@pytest.mark.parametrize("method", ["auto", "vote"])
def test_a_vote_of_two_folders_is_not_a_copy_of_one(tmp_path, rng, weights, sentence, method):
    members = [_member(tmp_path / name, rng, probabilities=False) for name in "xy"]
    with pytest.raises(UsageError, match=sentence):
        ensemble(
            members, Output(tmp_path / "out"), merge=MergeOptions(method=method, weights=weights)
        )
    assert not (tmp_path / "out").exists()


def test_two_votes_with_probabilities_follow_the_surer_member(tmp_path, rng):
    members = [_member(tmp_path / name, rng) for name in "xy"]
    for order, out in ((members, "out"), (members[::-1], "reversed")):
        ensemble(order, Output(tmp_path / out), merge=MergeOptions(method="vote"))
    assert _masks(tmp_path / "out") == _masks(tmp_path / "reversed")
    folders = [PredictionFolder(path) for path in members]
    planes = [folder.probabilities("a", "0")[0].astype(int) for folder in folders]
    labels = np.stack([volume.argmax(0) for volume in planes])
    mean = sum(planes)
    first, second = (np.take_along_axis(mean, item[None], 0)[0] for item in labels)
    expected = np.where(first > second, *labels)
    sure = np.abs(first - second) > 1
    merged = IDS.to_rows(PredictionFolder(tmp_path / "out").mask("a", "0"))
    assert np.array_equal(merged[sure], expected[sure])
    assert (labels[0] != merged).any()
    assert (labels[1] != merged).any()


def test_a_vote_counts_masks_that_were_changed_after_their_probabilities(tmp_path, rng):
    members = [_member(tmp_path / name, rng) for name in "xyz"]
    for member in members[:2]:
        PredictionWriter(member).write_mask("a", "0", np.full((6, 8), 7, np.uint8))
    ensemble(members, Output(tmp_path / "out"), merge=MergeOptions(method="vote"))
    assert (PredictionFolder(tmp_path / "out").mask("a", "0") == 7).all()


def test_probabilities_of_a_vote_are_its_shares(tmp_path, rng):
    members = [_member(tmp_path / name, rng) for name in "xyz"]
    result = ensemble(
        members,
        Output(tmp_path / "out"),
        merge=MergeOptions(method="vote"),
        save_probabilities=True,
    )
    assert result.method == "vote"
    out = PredictionFolder(tmp_path / "out")
    planes, ids = out.probabilities("a", "0")
    assert ids == IDS
    masks = np.stack([IDS.to_rows(PredictionFolder(path).mask("a", "0")) for path in members])
    shares = np.stack([(masks == row).mean(0) for row in range(3)])
    assert np.abs(planes / 255 - shares).max() <= 1 / 255


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"videos": ("a",)}, "has no video b"),
        ({"videos": ("a", "b", "c")}, "has the additional video c"),
        ({"frames": 1}, "has no frame 1"),
        ({"size": (6, 9)}, "frame 0 is 6x9 and not 6x8"),
        ({"ids": ObjectIds((2, 8))}, r"ids \[2, 8\] and not \[2, 7\]"),
    ],
)
def test_disagreement_is_listed(tmp_path, rng, change, sentence):
    members = [_member(tmp_path / "m", rng), _member(tmp_path / "n", rng, **change)]
    with pytest.raises(DataError, match=sentence):
        ensemble(members, Output(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_all_differences_are_in_one_message(tmp_path, rng):
    members = [_member(tmp_path / "m", rng), _member(tmp_path / "n", rng, videos=("a",), frames=3)]
    with pytest.raises(DataError, match=r"a: has the additional frame 2; .*has no video b"):
        ensemble(members, Output(tmp_path / "out"))


def test_ids_that_differ_in_a_later_frame_are_found(tmp_path, rng):
    members = [_member(tmp_path / name, rng) for name in "mn"]
    PredictionWriter(members[1]).write_probabilities(
        "b", "1", np.zeros((3, 6, 8), np.uint8), ObjectIds((2, 8))
    )
    with pytest.raises(DataError, match=r"n/Probabilities/b/1\.npz"):
        ensemble(members, Output(tmp_path / "out"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"weights": [1]}, r"1 weights \(1\) for 2 members"),
        ({"weights": [0, 0]}, "make no sense"),
        ({"weights": [1, 2], "method": "mean"}, "vote and weighted take it"),
        ({"method": "weighted"}, "weights is missing"),
        ({"method": "median"}, "unknown merging method"),
    ],
)
def test_wrong_usage(tmp_path, rng, arguments, sentence):
    members = [_member(tmp_path / name, rng, frames=1) for name in "mn"]
    with pytest.raises(UsageError, match=sentence):
        ensemble(members, Output(tmp_path / "out"), merge=MergeOptions(**arguments))


def test_mean_needs_probabilities_and_members_are_not_written_over(tmp_path, rng):
    members = [_member(tmp_path / "m", rng), _member(tmp_path / "n", rng, probabilities=False)]
    with pytest.raises(UsageError, match=r"no probabilities in .*n: run vostool infer with --save"):
        ensemble(members, Output(tmp_path / "out"), merge=MergeOptions(method="mean"))
    with pytest.raises(UsageError, match="is what is read"):
        ensemble([members[0]], Output(members[0], overwrite=True))
    with pytest.raises(OutputError, match="not empty"):
        ensemble([members[0]], Output(members[1]))
    with pytest.raises(UsageError, match="nothing to merge"):
        ensemble([], Output(tmp_path / "out"))


def test_resume_redoes_unfinished_videos_only(tmp_path, rng):
    members = [_member(tmp_path / name, rng) for name in "mn"]
    ensemble(members, Output(tmp_path / "out"))
    complete = _files(tmp_path / "out")
    kept = tmp_path / "out" / "Annotations" / "a" / "0.png"
    before = kept.stat().st_mtime_ns
    (tmp_path / "out" / "Annotations" / "b" / "1.png").unlink()
    with pytest.raises(OutputError, match="not empty"):
        ensemble(members, Output(tmp_path / "out"))
    result = ensemble(members, Output(tmp_path / "out", resume=True))
    assert result.videos == ("b",)
    assert kept.stat().st_mtime_ns == before
    after = _files(tmp_path / "out")
    assert {k: v for k, v in after.items() if k.suffix == ".png"} == {
        k: v for k, v in complete.items() if k.suffix == ".png"
    }
    with pytest.raises(UsageError, match=r"cannot resume with other settings: .*options"):
        ensemble(members, Output(tmp_path / "out", resume=True), merge=MergeOptions(weights=[1, 2]))
