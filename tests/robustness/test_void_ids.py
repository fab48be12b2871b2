"""255 is no object's id: where it is given beside objects, somebody is told."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vostool.core.errors import DataError
from vostool.core.output import Output
from vostool.datasets.catalogue import load_videos
from vostool.datasets.inventory import check_video
from vostool.inference.files import VideoSource
from vostool.media.masks import write_mask
from vostool.predictions.foreign.values import VOID_CLEARED
from vostool.stages.predict.import_masks import import_masks

MASK = np.zeros((8, 12), np.uint8)
MASK[1:4, 1:4], MASK[1:4, 6:10] = 1, 255


def write_video(images: Path, masks: Path, mask: np.ndarray = MASK) -> None:
    for name in ("00000", "00001"):
        images.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (12, 8)).save(images / f"{name}.jpg")
        write_mask(masks / f"{name}.png", mask)


def davis(root: Path) -> Path:
    write_video(root / "JPEGImages" / "480p" / "v", root / "Annotations" / "480p" / "v")
    (root / "ImageSets" / "2017").mkdir(parents=True)
    (root / "ImageSets" / "2017" / "val.txt").write_text("v\n")
    return root


def test_own_data_is_refused(tmp_path: Path) -> None:
    write_video(tmp_path / "images" / "v", tmp_path / "masks" / "v")
    with pytest.raises(
        DataError, match=r"frame 00000 of video v, has 255 .*00000\.png\).* 1 to 254"
    ):
        load_videos("folder", tmp_path, "all")


def test_own_data_of_one_white_object_is_all_right(tmp_path: Path) -> None:
    white = np.where(MASK == 255, MASK, 0)
    write_video(tmp_path / "images" / "v", tmp_path / "masks" / "v", white)
    (video,) = load_videos("folder", tmp_path, "all")
    assert video.ids.values == (1,)


@pytest.mark.parametrize("quick", [True, False])
def test_check_data_names_file_and_frame(tmp_path: Path, quick: bool) -> None:
    (video,) = load_videos("davis2017", davis(tmp_path), "val")
    found = check_video(video, quick)
    assert found.problems == []
    (said,) = found.warnings
    assert "frame 00000 of video v has pixels of 255" in said and "00000.png" in said


def test_inference_says_it_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (video,) = load_videos("davis2017", davis(tmp_path), "val")
    source = VideoSource(video)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):  # as wrappers read a video more than once
            given = [frame.given for frame in source]
    assert set(np.unique(given[0])) == {0, 1}
    assert len(caplog.messages) == 1
    assert "frame 00000 of video v has pixels of 255" in caplog.messages[0]


def test_import_counts_it(tmp_path: Path) -> None:
    solid = np.zeros((20, 30), np.uint8)
    solid[2:9, 2:9], solid[2:9, 15:25] = 1, 255
    write_mask(tmp_path / "masks" / "v" / "00000.png", solid)
    result = import_masks(tmp_path / "masks", Output(tmp_path / "out"))
    assert result.done == {VOID_CLEARED: ["v/00000"]}
