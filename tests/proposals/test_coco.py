"""Proposals from COCO result files: what they say, and what is said of bad ones."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from pycocotools import mask as official

from vostool.core.errors import DataError
from vostool.proposals import coco

CPU = torch.device("cpu")
IMAGE = np.zeros((6, 9, 3), np.uint8)


def code(mask: np.ndarray) -> dict:
    """By the official tool."""
    found = official.encode(np.asfortranarray(mask, np.uint8))
    return {"size": list(mask.shape), "counts": found["counts"].decode()}


def block(top: int, left: int, size=(6, 9)) -> np.ndarray:
    mask = np.zeros(size, bool)
    mask[top : top + 2, left : left + 3] = True
    return mask


def result(image="v/00001", score=0.5, mask=None, **more) -> dict:
    found = code(block(1, 2) if mask is None else mask)
    return {"image_id": image, "category_id": 3, "score": score, "segmentation": found, **more}


def source(tmp_path, value):
    path = tmp_path / "proposals.json"
    path.write_text(json.dumps(value))
    return coco.open_source([path], CPU)


def test_results_become_proposals_best_first(tmp_path) -> None:
    results = [
        result(score=0.2, mask=block(0, 0), bbox=[0, 0, 3.5, 2]),
        result(score=0.9, mask=block(3, 5)),
        result("v/00002"),
        result(score=0.8, mask=np.zeros((6, 9), bool)),
    ]
    found = source(tmp_path, results).proposals(IMAGE, "v", "00001")
    assert found.scores.tolist() == pytest.approx([0.9, 0.2])
    assert found.boxes.tolist() == [[5, 3, 8, 5], [0, 0, 3.5, 2]]
    expected = np.stack([block(3, 5), block(0, 0)])
    np.testing.assert_array_equal(found.masks.numpy(), expected)


def test_runs_as_a_plain_list_are_read_too(tmp_path) -> None:
    entry = result()
    entry["segmentation"] = {"size": [6, 9], "counts": [6, 12, 36]}  # two whole columns
    found = source(tmp_path, [entry]).proposals(IMAGE, "v", "00001")
    assert found.boxes.tolist() == [[1, 0, 3, 6]]


def test_images_that_are_listed_name_frames(tmp_path) -> None:
    table = {
        "images": [
            {"id": 7, "file_name": "JPEGImages/480p/v/00001.jpg"},
            {"id": 8, "file_name": "v/00002.png"},
        ],
        "annotations": [result(7)],
    }
    found = source(tmp_path, table)
    assert len(found.proposals(IMAGE, "v", "00001")) == 1
    nothing = found.proposals(IMAGE, "v", "00002")
    assert nothing.masks.shape == (0, 6, 9)
    with pytest.raises(DataError, match="does not list this frame"):
        found.proposals(IMAGE, "v", "00003")


def test_a_frame_without_results_has_none_where_no_frames_are_listed(tmp_path) -> None:
    assert len(source(tmp_path, [result()]).proposals(IMAGE, "v", "00009")) == 0


def test_only_the_best_fifty_of_hundreds_are_decoded(tmp_path) -> None:
    hundreds = [result(score=k / 400) for k in range(400)]
    # Codes of all that are left out are broken: nobody may look at them.
    for entry in hundreds[:350]:
        entry["segmentation"] = {"size": [6, 9], "counts": "0"}
    found = source(tmp_path, hundreds).proposals(IMAGE, "v", "00001")
    assert len(found) == 50
    assert found.scores.min() == pytest.approx(350 / 400)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([result(score=float("nan"))], "result 0"),
        ([result(), result(score=1.5)], "result 1"),
        ([{**result(), "segmentation": [[0, 0, 5, 5, 5, 0]]}], "segmentation"),
        ([result("frame1")], "no frame of a video"),
        ([result(12)], "no frame of a video"),
        ({"images": [{"id": 1, "file_name": "v/0.jpg"}], "annotations": [result(2)]}, "id 2"),
        ({"images": []}, "neither a list of COCO results"),
        (5, "neither a list of COCO results"),
    ],
)
def test_a_file_that_is_wrong_is_a_sentence(tmp_path, value, words) -> None:
    with pytest.raises(DataError, match=words) as caught:
        source(tmp_path, value)
    assert "proposals.json" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (result(mask=block(0, 0, (9, 6))), "9x6 pixels, the frame 6x9"),
        ({**result(), "segmentation": {"size": [10**6, 10**6], "counts": "0"}}, "1000000x1000000"),
        ({**result(), "segmentation": {"size": [6, 9], "counts": [54, 10**9]}}, "malformed"),
        ({**result(), "segmentation": {"size": [6, 9], "counts": [53]}}, "malformed"),
        ({**result(), "segmentation": {"size": [6, 9], "counts": "\u00ff"}}, "malformed"),
    ],
)
def test_a_mask_that_does_not_fit_is_a_sentence(tmp_path, entry, words) -> None:
    with pytest.raises(DataError, match=words) as caught:
        source(tmp_path, [entry]).proposals(IMAGE, "v", "00001")
    assert "video v, frame 00001" in str(caught.value)


def test_a_file_of_another_video_is_a_sentence(tmp_path) -> None:
    with pytest.raises(DataError, match=r"no proposals of this video.*it has v"):
        source(tmp_path, [result()]).proposals(IMAGE, "w", "00001")
