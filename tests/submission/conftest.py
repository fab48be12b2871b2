"""Small data sets in the layouts of DAVIS 2017 and YouTube-VOS, and right predictions for them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vostool.datasets.selection import Selection
from vostool.media.masks import write_mask

SIZE = (12, 20)


@dataclass(frozen=True)
class Case:
    """A data set with predictions that its server would take."""

    dataset: str
    root: Path
    split: str
    predictions: Path
    prefix: str
    videos: dict[str, tuple[str, ...]]

    @property
    def selection(self) -> Selection:
        return Selection(self.dataset, self.root, self.split)

    @property
    def names(self) -> list[str]:
        """All names that the archive should have."""
        return [f"{self.prefix}{v}/{f}.png" for v, frames in self.videos.items() for f in frames]


def block(*ids: int) -> np.ndarray:
    """A mask with a 3 x 3 square per id."""
    mask = np.zeros(SIZE, np.uint8)
    for value in ids:
        column = 4 * (value % 5)
        mask[2 + value % 7 : 5 + value % 7, column : column + 3] = value
    return mask


def frame(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", SIZE[::-1], (90, 120, 60)).save(path)


def make_davis(base: Path, videos: int = 2) -> Case:
    """DAVIS 2017 test-dev: objects 1 and 2, given in frame 0."""
    root = base / "DAVIS"
    frames = ("00000", "00001", "00002")
    names = [f"clip-{index}" for index in range(videos)]
    for video in names:
        for name in frames:
            frame(root / "JPEGImages" / "480p" / video / f"{name}.jpg")
            write_mask(base / "preds" / "Annotations" / video / f"{name}.png", block(1, 2))
        write_mask(root / "Annotations" / "480p" / video / "00000.png", block(1, 2))
    (root / "ImageSets" / "2017").mkdir(parents=True)
    (root / "ImageSets" / "2017" / "test-dev.txt").write_text("\n".join(names) + "\n")
    wanted = dict.fromkeys(names, frames)
    return Case("davis2017", root, "test-dev", base / "preds", "", wanted)


def make_youtube_vos(base: Path) -> Case:
    """YouTube-VOS valid: ids 2 and 5, the second of which first appears in frame 00005."""
    root = base / "YouTubeVOS"
    frames, meta = ("00000", "00005", "00010"), {}
    for video in ("003234408d", "0062f687f1"):
        for name in (*frames, "00015"):
            frame(root / "valid" / "JPEGImages" / video / f"{name}.jpg")
        write_mask(root / "valid" / "Annotations" / video / "00000.png", block(2))
        write_mask(root / "valid" / "Annotations" / video / "00005.png", block(2, 5))
        objects = {"2": {"frames": list(frames)}, "5": {"frames": list(frames[1:])}}
        meta[video] = {"objects": objects}
        for name in frames:
            ids = (2,) if name == "00000" else (2, 5)
            write_mask(base / "preds" / "Annotations" / video / f"{name}.png", block(*ids))
    (root / "valid" / "meta.json").write_text(json.dumps({"videos": meta}))
    wanted = dict.fromkeys(meta, frames)
    return Case("youtubevos2019", root, "valid", base / "preds", "Annotations/", wanted)


@pytest.fixture
def davis(tmp_path) -> Case:
    return make_davis(tmp_path / "davis")


@pytest.fixture
def lone_davis(tmp_path) -> Case:
    """A DAVIS split with one video."""
    return make_davis(tmp_path / "lone", videos=1)


@pytest.fixture
def youtube_vos(tmp_path) -> Case:
    return make_youtube_vos(tmp_path / "ytvos")


@pytest.fixture(params=["davis", "youtube_vos"])
def case(request) -> Case:
    """Each of the two layouts."""
    return request.getfixturevalue(request.param)
