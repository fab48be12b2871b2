"""The stated limits: 254 objects, 10,000 frames, 100,000 files in a folder, names of any script."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from strangers import METADATA, write_checkpoint
from test_surroundings import NAME

from vostool.core.output import Output
from vostool.datasets.layout import list_files
from vostool.datasets.selection import Selection
from vostool.media.masks import read_mask, write_mask
from vostool.predictions.folder import PredictionFolder
from vostool.stages.predict.baseline import baseline
from vostool.stages.predict.infer import InferenceSettings, infer

FINE = InferenceSettings.of(precision="fp32", device="cpu")


def write_video(root: Path, name: str, mask: np.ndarray, frames: int) -> Selection:
    """One video of own data; the first frame has the mask."""
    (root / "images" / name).mkdir(parents=True)
    for number in range(frames):
        Image.new("RGB", mask.shape[::-1]).save(root / "images" / name / f"{number:05d}.jpg")
    write_mask(root / "masks" / name / "00000.png", mask)
    return Selection("folder", root, "all")


def crowd(objects: int) -> np.ndarray:
    """Blocks of 2 x 2 pixels with the ids 1, 2, ..."""
    mask = np.zeros((32, 64), np.uint8)
    for number in range(objects):
        top, left = 2 * (number // 32), 2 * (number % 32)
        mask[top : top + 2, left : left + 2] = number + 1
    return mask


def test_all_ids_that_a_mask_can_hold(tmp_path: Path) -> None:
    videos = write_video(tmp_path / "data", "v", crowd(254), frames=2)
    checkpoint = write_checkpoint(tmp_path / "a.ckpt", METADATA)
    infer([checkpoint], videos, Output(tmp_path / "out"), FINE)
    folder = PredictionFolder(tmp_path / "out")
    assert np.array_equal(folder.mask("v", "00000"), crowd(254))
    assert set(np.unique(folder.mask("v", "00001"))) <= set(range(255))


def test_a_video_named_in_any_script_all_the_way(tmp_path: Path) -> None:
    videos = write_video(tmp_path / "data", NAME, crowd(2), frames=2)
    checkpoint = write_checkpoint(tmp_path / "a.ckpt", METADATA)
    infer([checkpoint], videos, Output(tmp_path / "out"), FINE)
    assert PredictionFolder(tmp_path / "out").videos() == (NAME,)
    path = tmp_path / "out" / "Annotations" / NAME / "00000.png"
    assert np.array_equal(read_mask(path), crowd(2))


@pytest.mark.slow
def test_ten_thousand_frames(tmp_path: Path) -> None:
    videos = write_video(tmp_path / "data", "v", crowd(1)[:8, :8], frames=10_000)
    out = baseline(videos, Output(tmp_path / "out"))
    assert len(PredictionFolder(out).frames("v")) == 10_000


@pytest.mark.slow
def test_a_hundred_thousand_files(tmp_path: Path) -> None:
    names = [f"{number:06d}" for number in range(100_000)]
    for name in names:
        (tmp_path / f"{name}.jpg").touch()
    assert list(list_files(tmp_path)) == names
