"""Post-processing of prediction folders."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vostool.core.errors import DataError, OutputError, UsageError
from vostool.core.output import Output
from vostool.core.types import ObjectIds
from vostool.datasets.selection import Selection
from vostool.media.masks import DAVIS_PALETTE, read_mask, write_mask
from vostool.predictions.folder import PredictionFolder, PredictionWriter
from vostool.reporting.changes import draw_changes
from vostool.stages.demo.demo_data import DemoDataOptions, make_demo_data
from vostool.stages.predict.postprocess import postprocess

FRAMES = ("00000", "00005", "00010")


def square(*corners: tuple[int, int], object_id: int = 4) -> np.ndarray:
    mask = np.zeros((60, 80), np.uint8)
    for row, column in corners:
        mask[row : row + 10, column : column + 10] = object_id
    return mask


@pytest.fixture
def predictions(tmp_path) -> Path:
    """Two videos: an object that stays, and a distractor far away in the later frames."""
    writer = PredictionWriter(tmp_path / "preds")
    for video in ("cat", "dog"):
        writer.write_mask(video, FRAMES[0], square((5, 5)))
        writer.write_mask(video, FRAMES[1], square((5, 7), (45, 65)))
        writer.write_mask(video, FRAMES[2], square((5, 9), (45, 65)))
    return tmp_path / "preds"


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_distractors_go_and_the_input_stays(predictions, tmp_path):
    before = snapshot(predictions)
    result = postprocess(predictions, ["keep-near-last"], Output(tmp_path / "out"))
    assert snapshot(predictions) == before
    assert (result.videos, result.changed_pixels) == (2, 4 * 100)
    assert result.pixels == 6 * 60 * 80
    found = PredictionFolder(tmp_path / "out")
    assert found.videos() == ("cat", "dog")
    assert not found.has_probabilities
    for video in found.videos():
        for frame, corner in zip(FRAMES, [(5, 5), (5, 7), (5, 9)], strict=True):
            np.testing.assert_array_equal(found.mask(video, frame), square(corner))


def test_manifest_says_what_was_done(predictions, tmp_path):
    (predictions / "run.json").write_text('{"command": "infer", "dataset": "mose"}')
    postprocess(
        predictions, ["drop-small"], Output(tmp_path / "out"), settings=["drop-small.min-area=70"]
    )
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert run["command"] == "postprocess"
    assert run["settings"]["steps"] == [
        {"name": "drop-small", "params": {"min_area": 70, "keep_largest": True}}
    ]
    assert [parent["path"] for parent in run["parents"]] == [str(predictions)]
    assert run["parents"][0]["command"] == "infer"
    assert run["dataset"] == "mose"
    assert run["videos"]["cat"]["status"] == "finished"
    assert run["videos"]["cat"]["frames"] == 3


def test_probabilities_decide_what_becomes_of_removed_pixels(predictions, tmp_path):
    writer, ids = PredictionWriter(predictions), ObjectIds.of((4, 9))
    first = square((5, 5))
    first[40:58, 55:75] = 9
    writer.write_mask("cat", FRAMES[0], first)
    for frame in FRAMES[1:]:
        planes = np.full((3, 60, 80), 10, np.uint8)
        planes[2] = 100
        writer.write_probabilities("cat", frame, planes, ids)
    postprocess(predictions, ["keep-near-last"], Output(tmp_path / "out"))
    found = PredictionFolder(tmp_path / "out")
    assert (found.mask("cat", FRAMES[1])[45:55, 65:75] == 9).all()
    assert (found.mask("dog", FRAMES[1])[45:55, 65:75] == 0).all()


def test_probabilities_of_another_size_are_named(predictions, tmp_path):
    planes = np.zeros((2, 30, 40), np.uint8)
    PredictionWriter(predictions).write_probabilities("cat", FRAMES[1], planes, ObjectIds.of((4,)))
    with pytest.raises(DataError, match=r"00005\.npz"):
        postprocess(predictions, ["keep-near-last"], Output(tmp_path / "out"))


def test_resume_does_the_rest_only_and_refuses_other_steps(predictions, tmp_path):
    out = tmp_path / "out"
    postprocess(predictions, ["keep-near-last"], Output(out))
    whole = snapshot(out / "Annotations")
    (out / "Annotations" / "dog" / f"{FRAMES[1]}.png").unlink()
    with pytest.raises(OutputError, match="--resume"):
        postprocess(predictions, ["keep-near-last"], Output(out, resume=False))
    assert postprocess(predictions, ["keep-near-last"], Output(out, resume=True)).videos == 1
    assert snapshot(out / "Annotations") == whole
    with pytest.raises(UsageError, match="cannot resume with other settings: steps"):
        postprocess(predictions, ["drop-small"], Output(out, resume=True))
    assert postprocess(predictions, ["drop-small"], Output(out, overwrite=True)).videos == 2


@pytest.mark.parametrize("inside", ["", "Annotations", "new"])
def test_never_in_place(predictions, inside):
    with pytest.raises(UsageError, match="never written over"):
        postprocess(predictions, ["drop-small"], Output(predictions / inside, overwrite=True))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Selection:
    options = DemoDataOptions(train_videos=1, valid_videos=3, frames=10, height=64, width=96)
    root = make_demo_data(tmp_path_factory.mktemp("data"), options=options)
    return Selection("youtubevos2019", root, "valid")


def late_object(dataset: Selection) -> tuple[str, int, str]:
    meta = json.loads((dataset.root / "valid" / "meta.json").read_text())["videos"]
    for video, entry in meta.items():
        for object_id, described in entry["objects"].items():
            if described["frames"][0] > "00000":
                return video, int(object_id), described["frames"][0]
    raise AssertionError("the data set has no late object")


def test_masks_given_late_are_left_alone(dataset, tmp_path):
    video, object_id, start = late_object(dataset)
    truth = dataset.root / "valid" / "Annotations" / video
    frames = sorted(path.stem for path in truth.glob("*.png"))
    for frame in frames:
        mask = read_mask(truth / f"{frame}.png")
        if frame >= start:
            mask[0, 0] = object_id  # a speck far from all else
        write_mask(tmp_path / "preds" / "Annotations" / video / f"{frame}.png", mask)
    steps = ["keep-near-last", "drop-small", "largest-component"]
    postprocess(tmp_path / "preds", steps, Output(tmp_path / "out"), selection=dataset)
    found = PredictionFolder(tmp_path / "out")
    specks = {frame: int(found.mask(video, frame)[0, 0]) for frame in frames}
    assert specks == {frame: object_id if frame == start else 0 for frame in frames}


def test_predictions_must_belong_to_the_data_set(dataset, predictions, tmp_path):
    with pytest.raises(DataError, match="no video cat"):
        postprocess(predictions, ["drop-small"], Output(tmp_path / "out"), selection=dataset)
    write_mask(tmp_path / "odd" / "valid000" / "99999.png", square())
    with pytest.raises(DataError, match="no frame 99999"):
        postprocess(tmp_path / "odd", ["drop-small"], Output(tmp_path / "out"), selection=dataset)
    assert not (tmp_path / "out").exists()


def test_masks_of_0_and_255_are_not_taken_for_empty_ones(predictions, tmp_path):
    for path in (predictions / "Annotations" / "dog").glob("*.png"):
        write_mask(path, (read_mask(path) > 0).astype(np.uint8) * np.uint8(255))
    with pytest.raises(DataError, match=r"255.*no object id.*dog"):
        postprocess(predictions, ["drop-small"], Output(tmp_path / "out"))


def test_explain_says_what_went_and_why(predictions, tmp_path):
    explain = tmp_path / "why"
    steps = ["keep-near-last", "drop-small"]
    postprocess(predictions, steps, Output(tmp_path / "out"), explain=Output(explain))
    entries = json.loads((explain / "cat.json").read_text())
    assert [(item["frame"], item["object"], item["step"]) for item in entries] == [
        (frame, 4, "keep-near-last") for frame in FRAMES[1:]
    ]
    assert all((item["what"], item["pixels"]) == ("removed", 100) for item in entries)
    assert "pixels from where it was or should be" in entries[0]["why"]
    pictures = sorted(path.name for path in (explain / "cat").iterdir())
    assert pictures == [f"{frame}.jpg" for frame in FRAMES[1:]]
    with pytest.raises(OutputError, match="not empty"):
        postprocess(predictions, steps, Output(tmp_path / "new"), explain=Output(explain))
    with pytest.raises(UsageError, match="what is read"):
        inside = Output(predictions / "why")
        postprocess(predictions, steps, Output(tmp_path / "other"), explain=inside)


def test_changes_are_striped_in_the_former_colour():
    before, after = square((5, 5), (30, 40)), square((5, 5))
    drawn = draw_changes(np.zeros((60, 80, 3), np.uint8), before, after)
    gone = drawn[30:40, 40:50].reshape(-1, 3)
    colours = {tuple(pixel) for pixel in gone.tolist()}
    assert colours == {(255, 255, 255), tuple(DAVIS_PALETTE[4].tolist())}
    assert (drawn[50:, :30] == 0).all()
