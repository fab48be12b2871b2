"""Still-image sources."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image
from pycocotools import mask as coco_mask
from small_data_sets import SIZE, block, write_davis, write_frames, write_grey, write_image

from vostool.core import registry
from vostool.core.errors import DataError, UsageError
from vostool.datasets.still_catalogue import PACKAGE, load_still_spec, load_stills
from vostool.media.masks import DAVIS_PALETTE, write_mask
from vostool.media.rle import decode_coco

ZERO_ONE = st.integers(0, 1)


def test_the_promised_sources_are_there() -> None:
    assert {"image-folder", "voc", "coco", "video-frames"} <= set(registry.names(PACKAGE))
    for name in registry.names(PACKAGE):
        assert load_still_spec(name).name == name
    with pytest.raises(UsageError, match="did you mean image-folder"):
        load_still_spec("image-folders")


@pytest.mark.parametrize("folders", [("images", "masks"), ("JPEGImages", "Annotations"), ("", "")])
def test_image_folder_pairs_by_stem(tmp_path: Path, folders: tuple[str, str]) -> None:
    images, masks = tmp_path / folders[0], tmp_path / folders[1]
    write_frames(images, ["b", "a", "no-mask"])
    write_mask(masks / "a.png", block(1, 2))
    write_grey(masks / "b.png", block(255))
    first, second = load_stills("image-folder", tmp_path)
    assert (first.name, second.name) == ("a", "b")
    np.testing.assert_array_equal(first.read()[1], block(1, 2))
    image, mask = second.read()
    assert image.shape == (*SIZE, 3)
    np.testing.assert_array_equal(mask, block(1))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(second)).read()[1], mask)


def any_mask(tmp_path: Path, mask: np.ndarray, suffix: str = ".png") -> np.ndarray:
    write_frames(tmp_path / "images", ["a"])
    write_grey(tmp_path / f"masks/a{suffix}", mask)
    (still,) = load_stills("image-folder", tmp_path)
    return still.read()[1]


def test_masks_are_understood_by_what_is_in_them(tmp_path: Path) -> None:
    np.testing.assert_array_equal(any_mask(tmp_path, block(1, 7)), block(1, 7))
    grey_fringe = block(255, 100)
    np.testing.assert_array_equal(any_mask(tmp_path, grey_fringe), block(1))
    white = np.repeat(block(255)[..., None], 3, axis=2)
    np.testing.assert_array_equal(any_mask(tmp_path, white), block(1))
    coloured = DAVIS_PALETTE[block(1, 2)]
    np.testing.assert_array_equal(any_mask(tmp_path, coloured), block(1, 2))


def test_lossy_white_on_black(tmp_path: Path) -> None:
    mask = np.zeros(SIZE, np.uint8)
    mask[:8, :8] = 255  # along the blocks of JPEG
    np.testing.assert_array_equal(any_mask(tmp_path, mask, ".jpg"), mask > 0)


def test_size_of_image_and_mask(tmp_path: Path) -> None:
    write_image(tmp_path / "images/a.jpg", (24, 32))
    write_mask(tmp_path / "masks/a.png", block(1))
    (still,) = load_stills("image-folder", tmp_path)
    np.testing.assert_array_equal(still.read()[1], np.kron(block(1), np.ones((2, 2), np.uint8)))
    write_image(tmp_path / "images/a.jpg", (24, 24))
    with pytest.raises(DataError, match=r"24 x 24.*12 x 16.*a\.jpg"):
        still.read()


def test_image_folder_faults(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="folder of stills is missing"):
        load_stills("image-folder", tmp_path / "none")
    write_frames(tmp_path / "images", ["a"])
    (tmp_path / "masks").mkdir()
    with pytest.raises(DataError, match=r"no image has a mask \(1 images, 0 masks\)"):
        load_stills("image-folder", tmp_path)
    write_mask(tmp_path / "masks/a.png", block(1))
    write_mask(tmp_path / "masks/b.png", block(1))
    with pytest.raises(DataError, match=r"no image of the same name.*b\.png"):
        load_stills("image-folder", tmp_path)


@pytest.mark.parametrize("above", ["", "VOC2012", "VOCdevkit/VOC2012"])
def test_voc_void_is_background(tmp_path: Path, above: str) -> None:
    base = tmp_path / above
    write_frames(base / "JPEGImages", ["2007_1", "unlabelled"])
    write_mask(base / "SegmentationObject/2007_1.png", block(1, 255, 3))
    (still,) = load_stills("voc", tmp_path)
    np.testing.assert_array_equal(still.read()[1], block(1, 0, 3))
    (base / "JPEGImages/2007_1.jpg").unlink()
    with pytest.raises(DataError, match=r"image of a mask is missing.*2007_1\.jpg"):
        load_stills("voc", tmp_path)


def write_coco(root: Path, annotations: list[dict[str, Any]], name: str = "7.jpg") -> None:
    write_frames(root / "train2017", ["7", "8"])
    images = [
        {"id": 7, "file_name": name, "height": SIZE[0], "width": SIZE[1]},
        {"id": 8, "file_name": "8.jpg", "height": SIZE[0], "width": SIZE[1]},
    ]
    (root / "annotations").mkdir(exist_ok=True)
    value = {"images": images, "annotations": annotations}
    (root / "annotations/instances_train2017.json").write_text(json.dumps(value))
    (root / "annotations/instances_val2017.json").write_text("not needed, no folder")


def rectangle(x0: int, y0: int, x1: int, y1: int) -> list[list[float]]:
    return [[x0, y0, x1, y0, x1, y1, x0, y1]]


def test_coco_polygons_run_lengths_and_crowds(tmp_path: Path) -> None:
    runs = {"size": list(SIZE), "counts": [12 * 14, 12, 12]}  # column 14 of 16
    write_coco(
        tmp_path,
        [
            {"image_id": 7, "segmentation": rectangle(2, 2, 4, 4)},
            {"image_id": 7, "segmentation": rectangle(0, 0, 10, 10), "iscrowd": 0},
            {"image_id": 7, "segmentation": runs, "iscrowd": 0},
            {"image_id": 7, "segmentation": runs, "iscrowd": 1},
            {"image_id": 8, "segmentation": runs, "iscrowd": 1},
        ],
    )
    (still,) = load_stills("coco", tmp_path)
    assert still.name == "train2017/7"
    expected = np.zeros(SIZE, np.uint8)
    expected[:10, :10] = 1  # the largest first, smaller ones on top
    expected[:, 14] = 2
    expected[2:4, 2:4] = 3
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(still)).read()[1], expected)


def test_coco_faults(tmp_path: Path) -> None:
    polygon = [{"image_id": 7, "segmentation": rectangle(2, 2, 4, 4)}]
    write_coco(tmp_path, polygon, name="../7.jpg")
    with pytest.raises(DataError, match="leads out of the image folder"):
        load_stills("coco", tmp_path)
    write_coco(tmp_path, [{"segmentation": rectangle(2, 2, 4, 4)}])
    with pytest.raises(DataError, match=r"not COCO instances.*instances_train2017\.json"):
        load_stills("coco", tmp_path)
    write_coco(tmp_path, [{"image_id": 7, "segmentation": {"size": [3, 3], "counts": [4, 5]}}])
    with pytest.raises(DataError, match=r"\(3, 3\)"):
        load_stills("coco", tmp_path)[0].read()
    write_coco(tmp_path, [])
    with pytest.raises(DataError, match="no instances"):
        load_stills("coco", tmp_path)


def test_video_frames_of_davis_are_training_frames(tmp_path: Path) -> None:
    masks = {"00000": block(1), "00002": block(2)}
    write_davis(tmp_path, "2017", "train", {"a": masks, "b": masks})
    write_davis(tmp_path, "2017", "val", {"v": masks})
    stills = load_stills("video-frames", tmp_path)
    assert [still.name for still in stills] == ["a/00000", "a/00002", "b/00000", "b/00002"]
    np.testing.assert_array_equal(stills[1].read()[1], block(2))
    kept = load_stills("video-frames", tmp_path, leave_out=["a"])
    assert {still.group for still in kept} == {"b"}
    with pytest.raises(DataError, match="no still image is left"):
        load_stills("video-frames", tmp_path, leave_out=["a", "b"])


def test_video_frames_of_youtube_vos(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        write_frames(tmp_path / split / f"JPEGImages/{split}-a", ["0", "5"])
        write_mask(tmp_path / split / f"Annotations/{split}-a/5.png", block(1))
    (still,) = load_stills("video-frames", tmp_path)
    assert still.name == "train-a/5"
    with pytest.raises(DataError, match="no frame with a mask"):
        load_stills("video-frames", tmp_path / "train/JPEGImages")


def test_real_stills(shared_data: Path) -> None:
    stills = load_stills("image-folder", shared_data / "stills")
    assert len(stills) == 290
    for still in stills[::60]:
        image, mask = still.read()
        assert image.shape[:2] == mask.shape
        assert set(np.unique(mask)) == {0, 1}
    challenge = load_stills("video-frames", shared_data / "test-challenge-first")
    assert len(challenge) == 30
    path = next(still for still in challenge if still.group == "bike-trial").mask.path  # type: ignore[attr-defined]
    assert int(np.asarray(Image.open(path)).max()) == 2
    davis = load_stills("video-frames", shared_data / "DAVIS")
    val = (shared_data / "DAVIS/ImageSets/2016/val.txt").read_text().split()
    assert {still.group for still in davis}.isdisjoint(val)
    assert set(np.unique(davis[0].read()[1])) == {0, 1}


@settings(max_examples=40, deadline=None)
@given(mask=arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=40), elements=ZERO_ONE))
def test_run_lengths_decode_as_pycocotools_encodes(mask: np.ndarray) -> None:
    code = coco_mask.encode(np.asfortranarray(mask))
    np.testing.assert_array_equal(decode_coco(code), mask.astype(bool))
    text = {**code, "counts": code["counts"].decode("ascii")}
    np.testing.assert_array_equal(decode_coco(text), mask.astype(bool))
