"""MOSE, LVOS, plain folders and movies; what holds for every data set."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_data_sets import block, write_frames, write_grey

from vostool.core import registry
from vostool.core.errors import DataError
from vostool.core.types import MaskEncoding
from vostool.datasets.catalogue import (
    PACKAGE,
    annotation,
    given_mask,
    load_spec,
    load_videos,
)
from vostool.media.masks import write_mask
from vostool.media.reader import FrameReader

NAMES = ["00000", "00001", "00002", "00003"]


@pytest.mark.parametrize("name", registry.names(PACKAGE))
def test_every_spec_is_complete(name: str) -> None:
    spec = load_spec(name)
    assert spec.name == name
    assert spec.title
    assert set(spec.ground_truth_splits) <= set(spec.splits)
    assert set(spec.submissions) <= set(spec.splits)
    for split in set(spec.submissions) & set(spec.ground_truth_splits):
        server = spec.submissions[split].server
        assert server is None or not server.alive


def test_all_the_promised_data_sets_are_there() -> None:
    promised = "davis2016 davis2017 youtubevos2018 youtubevos2019 mose lvos lvosv2 folder movie"
    promised += " mosev2 vost visor"
    assert set(promised.split()) <= set(registry.names(PACKAGE))


def test_mose(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        write_frames(tmp_path / split / "JPEGImages/a", NAMES)
        write_mask(tmp_path / split / "Annotations/a/00000.png", block(1, 2))
        write_mask(tmp_path / split / "Annotations/a/00002.png", block(1, 2, 4))
    (valid,) = load_videos("mose", tmp_path, "valid")
    assert [(o.id, o.first_frame) for o in valid.objects] == [
        (1, "00000"),
        (2, "00000"),
        (4, "00002"),
    ]
    (train,) = load_videos("mose", tmp_path, "train")
    assert train.ids.values == (1, 2)
    assert load_spec("mose").submissions["valid"].prefix == ""


def test_lvos_writes_every_fifth_frame_of_each_range(tmp_path: Path) -> None:
    names = [f"{number:08d}" for number in range(1, 25)]
    write_frames(tmp_path / "test/JPEGImages/a", names)
    write_mask(tmp_path / "test/Annotations/a/00000001.png", block(1))
    write_mask(tmp_path / "test/Annotations/a/00000004.png", block(0, 2))
    (video,) = load_videos("lvos", tmp_path, "test")
    expected = {1, 6, 11, 16, 21} | {4, 9, 14, 19, 24}
    assert {int(name) for name in video.output_frames} == expected
    ranges = {
        "1": {"frame_range": {"start": "00000001", "end": "00000011"}},
        "2": {"frame_range": {"start": "00000004", "end": "00000009", "frame_nums": "2"}},
    }
    (tmp_path / "test/meta.json").write_text(json.dumps({"videos": {"a": {"objects": ranges}}}))
    (video,) = load_videos("lvos", tmp_path, "test")
    assert {int(name) for name in video.output_frames} == {1, 6, 11, 4, 9}
    assert [(o.id, o.first_frame) for o in video.objects] == [(1, "00000001"), (2, "00000004")]
    assert load_spec("lvos").submissions["test"].prefix == "Annotations/"


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("JPEGImages/a", "Annotations/a"),
        ("images/a", "masks/a"),
        ("JPEGImages/480p/a", "Annotations/2017/a"),
        ("a", "masks/a"),
        ("a", "a"),
        ("images", "masks"),
        (".", "masks"),
        (".", "."),
    ],
)
def test_folder_layouts(tmp_path: Path, images: str, masks: str) -> None:
    root = tmp_path / "clip"
    write_frames(root / images, NAMES)
    write_mask(root / masks / "00000.png", block(3))
    write_mask(root / masks / "00002.png", block(3, 8))
    (video,) = load_videos("folder", root, "all")
    assert video.name == ("a" if "a" in images.split("/") else "clip")
    assert video.frame_names == video.output_frames == tuple(NAMES)
    assert [(o.id, o.first_frame) for o in video.objects] == [(3, "00000"), (8, "00002")]
    np.testing.assert_array_equal(given_mask(video, "00002"), block(0, 8))


def test_folder_with_white_on_black_masks_has_one_object(tmp_path: Path) -> None:
    for name, suffix in (("a", ".jpg"), ("b", ".png")):
        write_frames(tmp_path / "images" / name, NAMES, suffix)
    write_grey(tmp_path / "masks/a/00001.png", block(255))
    write_mask(tmp_path / "masks/b/00000.png", block(1))
    white, indexed = load_videos("folder", tmp_path, "all")
    assert (white.encoding, indexed.encoding) == (MaskEncoding.BINARY, MaskEncoding.INDEXED)
    np.testing.assert_array_equal(given_mask(white, "00001"), block(1))


@pytest.mark.parametrize(
    ("masks", "words"),
    [
        ({}, "video a has no mask"),
        ({"00009": block(1)}, r"no frame of the same name.*00009\.png"),
        ({"00000": block()}, r"first mask is empty.*00000\.png"),
    ],
)
def test_folder_faults(tmp_path: Path, masks: dict[str, np.ndarray], words: str) -> None:
    write_frames(tmp_path / "images/a", NAMES)
    (tmp_path / "masks").mkdir()
    for name, mask in masks.items():
        write_mask(tmp_path / f"masks/a/{name}.png", mask)
    with pytest.raises(DataError, match=words):
        load_videos("folder", tmp_path, "all")


def test_folder_without_video_and_with_a_frame_twice(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no video is found"):
        load_videos("folder", tmp_path, "all")
    write_frames(tmp_path / "images/a", NAMES)
    write_frames(tmp_path / "images/a", NAMES[:1], ".png")
    (tmp_path / "masks").mkdir()
    with pytest.raises(DataError, match=r"00000\.jpg and 00000\.png are the same frame"):
        load_videos("folder", tmp_path, "all")


def write_movie(path: Path, count: int = 5) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (32, 16))
    for level in range(count):
        writer.write(np.full((16, 32, 3), level * 40, np.uint8))
    writer.release()


def test_movie_with_mask_beside_and_numbered_masks(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_movie(tmp_path / f"{name}.avi")
    mask = np.pad(block(6), ((0, 4), (0, 16)))
    write_mask(tmp_path / "one.png", mask)
    write_mask(tmp_path / "two/0.png", mask)
    write_mask(tmp_path / "two/00003.png", mask // 2)
    one, two = load_videos("movie", tmp_path, "all")
    assert one.frame_names == ("00000", "00001", "00002", "00003", "00004")
    assert [(o.id, o.first_frame) for o in two.objects] == [(3, "00003"), (6, "00000")]
    np.testing.assert_array_equal(given_mask(one, "00000"), mask)
    assert annotation(one, "00001") is None
    assert [video.name for video in load_videos("movie", tmp_path / "one.avi", "all")] == ["one"]
    write_mask(tmp_path / "one.png", block(6))
    with pytest.raises(DataError, match=r"12 x 16.*16 x 32"):
        given_mask(one, "00000")
    write_mask(tmp_path / "two/00005.png", mask)
    with pytest.raises(DataError, match="has 5 frames, none of them is 00005"):
        load_videos("movie", tmp_path, "all")
    (tmp_path / "one.png").unlink()
    with pytest.raises(DataError, match=r"no mask.*one\.avi"):
        load_videos("movie", tmp_path / "one.avi", "all")


def test_real_movie(shared_data: Path, tmp_path: Path) -> None:
    path = tmp_path / "example.mp4"
    path.symlink_to(shared_data / "cutie-examples/example.mp4")
    capture = cv2.VideoCapture(str(path))
    height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
    announced = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    capture.release()
    mask = np.zeros((height, width), np.uint8)
    mask[10:60, 10:60] = 1
    write_mask(tmp_path / "example.png", mask)
    (video,) = load_videos("movie", path, "all")
    assert abs(len(video.frames) - announced) <= 1
    frame, image = next(iter(FrameReader(video, ahead=1)))
    assert image.shape == (height, width, 3)
    np.testing.assert_array_equal(given_mask(video, frame), mask)


def test_real_folders(shared_data: Path) -> None:
    (many,) = load_videos("folder", shared_data / "many-objects", "all")
    assert len(many.objects) > 10
    assert given_mask(many, many.frames[0]).shape == (1080, 1920)
    challenge = load_videos("folder", shared_data / "test-challenge-first", "all")
    assert (len(challenge), sum(len(video.objects) for video in challenge)) == (30, 92)
    judo = next(
        video
        for video in load_videos("folder", shared_data / "cutie-examples", "all")
        if video.name == "judo"
    )
    assert [item.first_frame for item in judo.objects] == ["00000", "00005", "00008", "00013"]
    # This published mask really is one column short.
    with pytest.raises(DataError, match=r"480 x 853.*480 x 854"):
        given_mask(judo, "00005")
