"""The generated data set: layout, late objects, occlusion, splits."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from vostool.stages.demo.demo_data import CATEGORIES, DemoDataOptions, make_demo_data, render_video

OPTIONS = DemoDataOptions(train_videos=4, valid_videos=3, frames=12, height=64, width=112)


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return make_demo_data(tmp_path_factory.mktemp("demo"), seed=3, options=OPTIONS)


def entries(root: Path, split: str) -> dict:
    return json.loads((root / split / "meta.json").read_text())["videos"]


def indices(root: Path, split: str, video: str) -> dict[str, np.ndarray]:
    paths = sorted((root / split / "Annotations" / video).glob("*.png"))
    masks = {}
    for path in paths:
        with Image.open(path) as image:
            assert image.mode == "P"
            masks[path.stem] = np.array(image)
    return masks


@pytest.mark.parametrize(("split", "count"), [("train", 4), ("valid", 3)])
def test_layout_and_meta_agree_with_the_masks(root, split, count):
    videos = entries(root, split)
    assert len(videos) == count
    for video, entry in videos.items():
        masks = indices(root, split, video)
        images = sorted((root / split / "JPEGImages" / video).glob("*.jpg"))
        assert [path.stem for path in images] == list(masks)
        assert list(masks) == [f"{5 * index:05d}" for index in range(12)]
        assert all(cv2.imread(str(path)).shape == (64, 112, 3) for path in images)
        for object_id, described in entry["objects"].items():
            seen = [name for name, mask in masks.items() if (mask == int(object_id)).any()]
            assert described["frames"] == seen
            assert described["category"] in CATEGORIES
        assert set(np.unique(np.stack(list(masks.values())))) == {0, *map(int, entry["objects"])}


def test_one_video_in_three_has_a_late_object(root):
    for split in ("train", "valid"):
        for number, entry in enumerate(entries(root, split).values()):
            first = [item["frames"][0] for item in entry["objects"].values()]
            assert (max(first) > "00010") == (number % 3 == 2)
            assert min(first) == "00000"


def test_splits_share_no_video_and_a_category_is_held_out(root):
    train, valid = entries(root, "train"), entries(root, "valid")
    assert not set(train) & set(valid)
    kinds = {item["category"] for entry in train.values() for item in entry["objects"].values()}
    assert OPTIONS.held_out_category not in kinds
    first = [
        cv2.imread(str(root / split / "JPEGImages" / name / "00000.jpg"))
        for split, videos in (("train", train), ("valid", valid))
        for name in videos
    ]
    assert all((a != b).any() for n, a in enumerate(first) for b in first[:n])


def test_the_same_seed_gives_the_same_files(root, tmp_path):
    again = make_demo_data(tmp_path, seed=3, options=OPTIONS)
    other = make_demo_data(tmp_path / "other", seed=4, options=OPTIONS)
    files = [path.relative_to(root) for path in sorted(root.rglob("*.*"))]
    assert all((root / name).read_bytes() == (again / name).read_bytes() for name in files)
    frame = Path("valid/JPEGImages/valid000/00000.jpg")
    assert (root / frame).read_bytes() != (other / frame).read_bytes()


def test_objects_move_deform_and_hide_each_other():
    hidden, shapes, paths = 0, [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        _, masks = render_video(rng, ["clover", "pebble", "bean"], False, DemoDataOptions())
        areas = np.array([[(mask == row).sum() for row in (1, 2, 3)] for mask in masks])
        hidden += int(areas[:, 0].min() < 0.7 * areas[0, 0])
        shapes.append(areas[:, 2].std() / areas[:, 2].mean())
        rows, columns = np.nonzero(masks[0] == 3)
        last_rows, last_columns = np.nonzero(masks[-1] == 3)
        moved = (rows.mean() - last_rows.mean(), columns.mean() - last_columns.mean())
        paths.append(np.hypot(*moved))
    assert hidden >= 2
    assert np.mean(shapes) > 0.01
    assert np.mean(paths) > 15
