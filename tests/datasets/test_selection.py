"""Selections: some or all videos of a split, faulty ones told apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from vostool.core.errors import UsageError
from vostool.datasets.layout import FaultyVideos
from vostool.datasets.selection import Selection


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three DAVIS sequences without any file in the second."""
    lists = tmp_path / "ImageSets" / "2017"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("one\ntwo\nthree\n")
    for name in ("one", "two", "three"):
        for kind, suffix in (("JPEGImages", "jpg"), ("Annotations", "png")):
            folder = tmp_path / kind / "480p" / name
            folder.mkdir(parents=True)
            if name != "two":
                Image.new("L", (8, 6), 1).save(folder / f"00000.{suffix}")
    return tmp_path


def names(root: Path, *videos: str) -> list[str]:
    return [video.name for video in Selection("davis2017", root, "val", videos).load()]


def test_chosen_videos_in_the_order_of_the_data_set(root: Path) -> None:
    assert names(root, "three", "one") == ["one", "three"]


def test_a_faulty_video_matters_only_if_it_is_chosen(root: Path) -> None:
    with pytest.raises(FaultyVideos) as whole:
        names(root)
    assert [video.name for video in whole.value.videos] == ["one", "three"]
    with pytest.raises(FaultyVideos) as chosen:
        names(root, "one", "two")
    assert [video.name for video in chosen.value.videos] == ["one"]
    assert list(chosen.value.problems) == ["two"]


def test_unknown_videos_are_wrong_usage(root: Path) -> None:
    with pytest.raises(UsageError, match=r"no such video: four \(davis2017 val\)"):
        names(root, "one", "four")
