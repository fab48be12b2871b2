"""Splits of the new data sets: hard cases and whole categories in the held-out part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from layouts import NAMES, VISOR_SEQUENCE, write_frames, write_masks, write_visor
from toy import rectangle, toy_truths

from vostool.core.errors import UsageError
from vostool.core.output import Output
from vostool.datasets.catalogue import load_videos
from vostool.datasets.selection import Selection
from vostool.datasets.split import draw_split
from vostool.datasets.traits import TRAITS, video_traits
from vostool.stages.data.split import split


def plain() -> list[np.ndarray]:
    """One large object that stays."""
    return [rectangle(np.zeros((96, 128), np.uint8), 1, 10, 10, 60, 70) for _ in NAMES]


def write_mose(root: Path, videos: dict[str, list[np.ndarray]]) -> Selection:
    for name, masks in videos.items():
        named = dict(zip(NAMES, masks, strict=False))
        write_frames(root / "train/JPEGImages" / name, named)
        write_masks(root / "train/Annotations" / name, named)
    return Selection("mosev2", root, "train")


def crowd() -> list[np.ndarray]:
    mask = np.zeros((96, 128), np.uint8)
    for number in range(4):
        rectangle(mask, number + 1, 2, 30 * number, 40, 30 * number + 25)
    return [mask] * len(NAMES)


def test_traits_of_small_videos(tmp_path):
    gone = plain()
    gone[6:] = [np.zeros((96, 128), np.uint8)] * 3
    videos = {"crowd": crowd(), "gone": gone, "plain": plain()[:5], "toy": toy_truths()}
    selection = write_mose(tmp_path, videos)
    found = video_traits(load_videos(selection.dataset, selection.root, selection.split))
    shown = {name: {t for t in TRAITS if getattr(traits, t)} for name, traits in found.items()}
    assert shown == {
        "crowd": {"long", "crowded"},
        "gone": {"long", "vanishing"},
        "plain": set(),
        "toy": {"long", "small", "vanishing", "returning"},
    }


def test_favoured_cases_are_held_out_more_than_chance_would(tmp_path):
    videos = {f"plain{k:02d}": plain() for k in range(16)}
    videos |= {f"toy{k}": toy_truths() for k in range(4)}
    selection = write_mose(tmp_path / "data", videos)
    result = split(selection, Output(tmp_path / "s.json"), holdout=4, favour=["returning"])
    toys = [name for name in result.val if name.startswith("toy")]
    assert len(toys) >= 2
    assert len(result.val) == 4
    assert set(result.train) | set(result.val) == set(videos)
    assert any(name.startswith("toy") for name in result.train)
    assert result.favoured == ("returning",)
    again = Selection("mosev2", tmp_path / "data", f"{tmp_path / 's.json'}:val").load()
    assert [video.name for video in again] == list(result.val)


def test_without_favoured_groups_the_draw_is_as_before():
    categories = {f"v{k}": frozenset({"cat"}) for k in range(20)}
    first = draw_split(categories, holdout=5, seed=3)
    assert first == draw_split(categories, holdout=5, seed=3, favoured=())
    assert len(first[1]) == 5


def test_unknown_cases_are_refused(tmp_path):
    selection = write_mose(tmp_path / "data", {"a": plain(), "b": plain()})
    with pytest.raises(UsageError, match=r"unknown case 'tiny'.*known: long, crowded, small"):
        split(selection, Output(tmp_path / "s.json"), favour=["tiny"])


def test_categories_of_visor_can_be_held_out(tmp_path):
    names = {VISOR_SEQUENCE: {"1": "knife", "2": "left hand"}}
    write_visor(tmp_path, names | {name: {"1": "plate"} for name in ("P02_1", "P02_2")})
    home = tmp_path / "VISOR_2022/ImageSets/2022/train.txt"
    home.write_text(f"{VISOR_SEQUENCE}\nP02_1\nP02_2\n")
    result = split(
        Selection("visor", tmp_path, "train"),
        Output(tmp_path / "s.json"),
        holdout=2,
        unseen_categories="knife",
    )
    assert result.unseen_categories == ("knife",)
    assert VISOR_SEQUENCE in result.val
    assert len(result.train) == 1
