"""VOST and VISOR: their layouts, figures, and VISOR's file of polygons."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from layouts import (
    NAMES,
    VISOR_NAMES,
    VISOR_SEQUENCE,
    write_masks,
    write_visor,
    write_vost,
)
from toy import toy_predictions, toy_truths

from vostool.core.errors import DataError
from vostool.core.output import Output
from vostool.datasets.catalogue import load_videos
from vostool.datasets.selection import Selection
from vostool.stages.score.evaluate import evaluate
from vostool.stages.submit.check_submission import check_submission
from vostool.stages.submit.rehearse import rehearse_submission
from vostool.submission.formats.visor_json import polygons


@pytest.mark.parametrize("split", ["val", "val_10fps"])
def test_vost_is_scored_on_its_masks_whatever_the_frame_rate(tmp_path, split):
    write_vost(tmp_path / "VOST", dense=True)
    write_masks(tmp_path / "preds/toy", dict(zip(NAMES, toy_predictions(), strict=True)))
    report = evaluate(tmp_path / "preds", Selection("vost", tmp_path, split))
    assert report.score == pytest.approx(0.633117, abs=1e-6)
    assert report.objects[0].frames == tuple(NAMES[1:-1])
    (video,) = load_videos("vost", tmp_path, split)
    assert video.output_frames == tuple(NAMES)
    assert len(video.frames) == (18 if split == "val_10fps" else 9)


def test_vost_takes_255_for_background(tmp_path):
    masks = [np.where(mask == 0, 255, mask).astype(np.uint8) for mask in toy_truths()]
    write_vost(tmp_path)
    write_masks(tmp_path / "Annotations/toy", dict(zip(NAMES, masks, strict=True)))
    write_masks(tmp_path / "preds/toy", dict(zip(NAMES, toy_predictions(), strict=True)))
    report = evaluate(tmp_path / "preds", Selection("vost", tmp_path, "val"))
    assert report.score == pytest.approx(0.633117, abs=1e-6)


def test_visor_counts_the_last_frame(tmp_path):
    write_visor(tmp_path)
    named = dict(zip(VISOR_NAMES, toy_predictions(), strict=True))
    write_masks(tmp_path / "preds" / VISOR_SEQUENCE, named)
    report = evaluate(tmp_path / "preds", Selection("visor", tmp_path, "val"))
    wanted = {"J&F-Mean": 0.655351, "J-Mean": 0.631494, "J-Recall": 0.625, "J-Decay": -0.166667}
    wanted |= {"F-Mean": 0.679209, "F-Recall": 0.875, "F-Decay": -0.166667}
    assert {name: report.figures[name] for name in wanted} == pytest.approx(wanted, abs=1e-6)
    assert [item.category for item in report.objects] == ["knife", "left hand"]


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({VISOR_SEQUENCE: {"1": "knife"}}, f"object 2 of video {VISOR_SEQUENCE} has no name"),
        ({"P09_01_seq_1": {"1": "knife"}}, f"video {VISOR_SEQUENCE} is missing from the names"),
        ({VISOR_SEQUENCE: ["knife"]}, "does not map sequences to names"),
    ],
)
def test_names_that_do_not_fit_the_masks_are_refused(tmp_path, mapping, words):
    write_visor(tmp_path, mapping)
    with pytest.raises(DataError, match=words) as caught:
        load_videos("visor", tmp_path, "val")
    assert "val_data_mapping.json" in str(caught.value)


def rehearse(tmp_path: Path, masks: list[np.ndarray]):
    write_visor(tmp_path)
    named = dict(zip(VISOR_NAMES, masks, strict=True))
    write_masks(tmp_path / "preds" / VISOR_SEQUENCE, named)
    selection = Selection("visor", tmp_path, "val")
    return rehearse_submission(tmp_path / "preds", selection, Output(tmp_path / "a.zip"))


def test_visor_archive_has_the_published_form_and_scores_the_same(tmp_path):
    found = rehearse(tmp_path, toy_predictions())
    assert found.scores.score == pytest.approx(0.655351, abs=1e-6)
    with zipfile.ZipFile(tmp_path / "a.zip") as handle:
        assert handle.namelist() == ["val.json"]
        value = json.loads(handle.read("val.json"))
    assert set(value) == {"info", "video_annotations"}
    first = value["video_annotations"][0]
    assert first["image"] == {
        "image_path": f"P01_107/{VISOR_NAMES[0]}.png",
        "name": f"{VISOR_NAMES[0]}.png",
        "subsequence": VISOR_SEQUENCE,
        "video": "P01_107",
    }
    knife, hand = first["annotations"]
    assert (knife["name"], hand["name"]) == ("knife", "left hand")
    assert sorted(map(tuple, knife["segments"][0])) == [(10, 10), (10, 17), (17, 10), (17, 17)]
    assert not found.package.server.alive


def test_holes_fill_up_as_in_the_scorer(tmp_path):
    masks = toy_truths()
    masks[2][54:58, 50:54] = 0
    found = rehearse(tmp_path, masks)
    assert found.scores.score == 1.0
    assert evaluate(tmp_path / "preds", Selection("visor", tmp_path, "val")).score < 1.0
    assert len(polygons(masks[2] == 2)) == 2


def edited(tmp_path: Path, change) -> tuple[str, ...]:
    """Problems of a right archive after a change of its JSON, or of its name."""
    rehearse(tmp_path, toy_predictions())
    with zipfile.ZipFile(tmp_path / "a.zip") as handle:
        value = json.loads(handle.read("val.json"))
    name = change(value) or "val.json"
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as handle:
        handle.writestr(name, json.dumps(value))
    selection = Selection("visor", tmp_path, "val")
    return check_submission(tmp_path / "b.zip", selection, rehearse=True).problems


def drop(value, index):
    del value["video_annotations"][index]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda value: None, None),
        (lambda value: drop(value, 0), None),
        (lambda value: drop(value, 3), f"{VISOR_NAMES[3]}: this frame is missing"),
        (lambda value: "val/val.json", "it lies at val/val.json, move it to the root"),
        (lambda value: value.clear(), 'has no list "video_annotations"'),
        (
            lambda value: value["video_annotations"][1]["annotations"][0].update(name="fork"),
            f"{VISOR_NAMES[1]}: has the object 'fork'",
        ),
        (
            lambda value: value["video_annotations"][1]["annotations"][0].update(
                segments=[[[128, 0]]]
            ),
            "object 'knife': segments must be lists of (x, y) within 128 x 96 pixels",
        ),
        (lambda value: value["video_annotations"].append(3), "names no subsequence and image"),
        (
            lambda value: value["video_annotations"].append(value["video_annotations"][2]),
            "is there twice",
        ),
    ],
)
def test_what_is_wrong_with_a_result_file_is_said(tmp_path, change, words):
    problems = edited(tmp_path, change)
    if words is None:
        assert not problems
    else:
        assert len(problems) == 1
        assert words in problems[0]
