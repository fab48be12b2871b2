"""BURST: run-length codes in and out, HOTA, and what can be wrong with annotations and results."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from layouts import (
    BURST_NAMES,
    BURST_VIDEO,
    burst_codes,
    write_burst,
    write_json,
    write_masks,
)
from toy import toy_predictions, toy_truths

from vostool.core.errors import DataError, UsageError
from vostool.core.output import Output
from vostool.datasets.catalogue import annotation, load_videos
from vostool.datasets.selection import Selection
from vostool.stages.score.evaluate import evaluate
from vostool.stages.submit.check_submission import check_submission
from vostool.stages.submit.package_submission import package_submission
from vostool.stages.submit.rehearse import rehearse_submission

WANTED = {"HOTA": 59.402517, "HOTA-common": 38.619275, "HOTA-uncommon": 80.185759}


@pytest.fixture
def selection(tmp_path) -> Selection:
    write_burst(tmp_path / "BURST")
    named = dict(zip(BURST_NAMES, toy_predictions(), strict=True))
    write_masks(tmp_path / "preds" / BURST_VIDEO, named)
    return Selection("burst", tmp_path / "BURST", "val")


def test_figures_equal_the_official_ones(tmp_path, selection):
    report = evaluate(tmp_path / "preds", selection)
    found = {name: 100 * report.figures[name] for name in WANTED}
    assert found == pytest.approx(WANTED, abs=1e-6)
    assert report.objects[0].frames == tuple(BURST_NAMES)


def test_figures_from_the_result_file_are_the_same(tmp_path, selection):
    found = rehearse_submission(tmp_path / "preds", selection, Output(tmp_path / "a.json"))
    assert 100 * found.scores.score == pytest.approx(WANTED["HOTA"], abs=1e-6)
    value = json.loads((tmp_path / "a.json").read_text())
    (sequence,) = value["sequences"]
    assert (sequence["id"], value["split"]) == (17, "val")
    # Object 1 is predicted in frames 0, 1, 2, 3, 6 and 8; empty masks are left out.
    there = [t for t, masks in enumerate(sequence["segmentations"]) if "1" in masks]
    assert there == [0, 1, 2, 3, 6, 8]


@pytest.mark.parametrize("tracks", [(1, 2), (0, 7)])
def test_tracks_are_read_and_keep_their_numbers(tmp_path, tracks):
    write_burst(tmp_path, tracks=tracks)
    (video,) = load_videos("burst", tmp_path, "val")
    assert [item.label for item in video.objects] == [str(track) for track in tracks]
    assert [item.category for item in video.objects] == ["4:airplane", "1:aerosol_can"]
    mask = annotation(video, BURST_NAMES[1])
    first, second = video.ids
    np.testing.assert_array_equal(mask == first, toy_truths()[1] == 1)
    np.testing.assert_array_equal(mask == second, toy_truths()[1] == 2)


def test_a_late_track_is_given_late(tmp_path):
    value = write_burst(tmp_path)
    for frame in value["sequences"][0]["segmentations"][:5]:
        frame.pop("1", None)
    write_json(tmp_path / "val/all_classes.json", value)
    (video,) = load_videos("burst", tmp_path, "val")
    assert [item.first_frame for item in video.objects] == [BURST_NAMES[5], BURST_NAMES[0]]


def test_hota_needs_categories_with_numbers(tmp_path, selection):
    write_masks(tmp_path / "own/masks/toy", dict(zip(BURST_NAMES, toy_truths(), strict=True)))
    (tmp_path / "own/images").mkdir()
    (selection.root / "val/LaSOT/toy").rename(tmp_path / "own/images/toy")
    own = Selection("folder", tmp_path / "own", "all")
    with pytest.raises(UsageError, match=r"hota does not fit.*toy object 1 has no category"):
        evaluate(tmp_path / "preds", own, measure="hota")


def wrong_size(value):
    value["sequences"][0]["height"] = 90


def drop_image(value):
    value["sequences"][0]["annotated_image_paths"][2] = "nothing.jpg"


def drop_category(value):
    value["sequences"][0]["track_category_ids"].pop("2")


def unknown_category(value):
    value["sequences"][0]["track_category_ids"]["2"] = 99


def drop_segmentation(value):
    value["sequences"][0]["segmentations"].pop()


def large_track(value):
    value["sequences"][0]["segmentations"][0]["999"] = {"rle": "0"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (drop_image, f"frame nothing of video {BURST_VIDEO} is annotated but is not there"),
        (drop_category, f"track 2 of video {BURST_VIDEO} has no category"),
        (unknown_category, f"track 2 of video {BURST_VIDEO} has the unknown category 99"),
        (drop_segmentation, f"video {BURST_VIDEO} has 8 segmentations for 9 annotated frames"),
        (large_track, "track 999 is not in 0..253"),
        (lambda value: value.pop("sequences"), 'no lists "sequences" and "categories"'),
        (lambda value: value["sequences"][0].pop("width"), "entry 0 of the sequences is malformed"),
    ],
)
def test_annotations_that_do_not_fit_are_refused(tmp_path, change, words):
    value = write_burst(tmp_path)
    change(value)
    write_json(tmp_path / "val/all_classes.json", value)
    with pytest.raises(DataError) as caught:
        load_videos("burst", tmp_path, "val")
    assert words in str(caught.value)


def test_a_code_of_the_wrong_size_is_said_with_video_frame_and_object(tmp_path, selection):
    value = write_burst(selection.root)
    wrong_size(value)
    write_json(selection.root / "val/all_classes.json", value)
    with pytest.raises(DataError) as caught:
        evaluate(tmp_path / "preds", selection)
    message = str(caught.value)
    assert "object 1 cannot be read" in message
    assert f"video {BURST_VIDEO}, frame {BURST_NAMES[0]}" in message


def result(tmp_path: Path, selection: Selection, change) -> tuple[str, ...]:
    """Problems of a right result after a change."""
    package_submission(tmp_path / "preds", selection, Output(tmp_path / "a.json"))
    value = json.loads((tmp_path / "a.json").read_text())
    change(value["sequences"][0])
    write_json(tmp_path / "b.json", value)
    return check_submission(tmp_path / "b.json", selection).problems


def nothing(sequence):
    pass


def unknown_track(sequence):
    sequence["segmentations"][1]["5"] = sequence["segmentations"][1]["1"]


def null_mask(sequence):
    empty = burst_codes([np.ones((96, 128), np.uint8)], {"1": 1})[0]["1"]["rle"]
    sequence["segmentations"][1]["1"] = {"rle": None}
    sequence["segmentations"][2]["1"] = {"rle": empty[:-1]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (nothing, []),
        (unknown_track, [f"{BURST_NAMES[1]}, track 5: is unknown (tracks of this video: 1, 2)"]),
        (null_mask, ["track 1: has no run-length code; leave out", "does not fit"]),
        (lambda sequence: sequence.update(id=[17]), ["has an id that this split does not have"]),
        (lambda sequence: sequence.update(id=3), ["has an id that this split does not have"]),
        (lambda sequence: sequence["segmentations"].pop(), ["differ in length"]),
    ],
)
def test_what_is_wrong_with_a_result_is_said(tmp_path, selection, change, words):
    problems = result(tmp_path, selection, change)
    assert all(any(word in problem for problem in problems) for word in words)
    assert bool(problems) == bool(words)
