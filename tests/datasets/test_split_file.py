"""The offline split: draws, files, use as --split."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_data_sets import block, write_davis

from vostool.core.errors import DataError, UsageError
from vostool.datasets.catalogue import load_videos, scoring_rule
from vostool.datasets.split import (
    SplitFile,
    choose_unseen,
    draw_split,
    read_split,
    write_split,
)

CATEGORIES = {
    f"video{number}": frozenset({f"kind{number % 5}", f"other{number % 3}"}) for number in range(30)
}


@settings(max_examples=40, deadline=None)
@given(holdout=st.integers(1, 29), seed=st.integers(0, 9999))
def test_a_draw_divides_the_videos(holdout: int, seed: int) -> None:
    train, val, left_out = draw_split(CATEGORIES, holdout=holdout, seed=seed)
    assert sorted(train + val) == sorted(CATEGORIES)
    assert len(val) == holdout
    assert left_out == ()
    reversed_order = dict(reversed(CATEGORIES.items()))
    assert draw_split(reversed_order, holdout=holdout, seed=seed) == (train, val, left_out)


@settings(max_examples=40, deadline=None)
@given(holdout=st.integers(1, 20), seed=st.integers(0, 99))
def test_unseen_categories_leave_training(holdout: int, seed: int) -> None:
    train, val, left_out = draw_split(CATEGORIES, holdout=holdout, seed=seed, unseen=["kind2"])
    assert sorted(train + val + left_out) == sorted(CATEGORIES)
    assert len(val) == holdout
    assert not any("kind2" in CATEGORIES[name] for name in train)
    hidden = [name for name in val if "kind2" in CATEGORIES[name]]
    assert len(hidden) == min(6, holdout // 2)


def test_seeds_differ() -> None:
    draws = {draw_split(CATEGORIES, holdout=10, seed=seed)[1] for seed in range(5)}
    assert len(draws) == 5


@pytest.mark.parametrize("holdout", [0, -1, 30, 99])
def test_impossible_draws(holdout: int) -> None:
    with pytest.raises(UsageError, match=f"cannot hold out {holdout} of 30"):
        draw_split(CATEGORIES, holdout=holdout, seed=0)


def test_choice_of_unseen_categories() -> None:
    assert choose_unseen(CATEGORIES, None, 0) == ()
    assert choose_unseen(CATEGORIES, " kind3 ,kind1", 0) == ("kind1", "kind3")
    drawn = choose_unseen(CATEGORIES, "3", 7)
    assert len(set(drawn)) == 3
    assert drawn == choose_unseen(CATEGORIES, "3", 7)
    for request, words in (("kind9", "unknown categories: kind9"), ("8", "8 of 8 categories")):
        with pytest.raises(UsageError, match=words):
            choose_unseen(CATEGORIES, request, 0)
    with pytest.raises(UsageError, match="no categories"):
        choose_unseen({"a": frozenset()}, "2", 0)


def test_file_round_trip(tmp_path: Path) -> None:
    split = SplitFile("davis2017", "train", 3, ("a", "b"), ("c",), ("owl",), ("d",))
    write_split(tmp_path / "s.json", split)
    assert read_split(tmp_path / "s.json") == split


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"train": []}, "not a split file"),
        ({"dataset": "d", "seed": 0, "train": ["a"], "val": ["a"]}, "a is in both"),
        ({"dataset": "d", "seed": 0, "train": "a", "val": []}, "train must be a list"),
        ({"dataset": 3, "seed": 0, "train": [], "val": []}, "wrong type"),
        ({"dataset": "d", "seed": 0, "train": [], "val": [], "x": 1}, "not a split file"),
        ([], "not a split file"),
    ],
)
def test_malformed_files(tmp_path: Path, value: object, words: str) -> None:
    (tmp_path / "s.json").write_text(json.dumps(value))
    with pytest.raises(DataError, match=rf"{words}.*s\.json"):
        read_split(tmp_path / "s.json")


def test_a_part_of_a_split_file_loads_as_a_split(tmp_path: Path) -> None:
    masks = {"00000": block(1)}
    root = write_davis(tmp_path, "2017", "train", {"a": masks, "b": masks, "c": {}})
    path = tmp_path / "s.json"
    write_split(path, SplitFile("davis2017", "train", 0, ("b",), ("a",), ("owl",)))
    assert [video.name for video in load_videos("davis2017", root, f"{path}:val")] == ["a"]
    assert [video.name for video in load_videos("davis2017", root, f"{path}:train")] == ["b"]
    assert scoring_rule("davis2017", root, f"{path}:val").unseen == {"owl"}
    with pytest.raises(UsageError, match="made for davis2017"):
        load_videos("davis2016", root, f"{path}:val")
    with pytest.raises(UsageError, match="no part 'test'"):
        load_videos("davis2017", root, f"{path}:test")
    write_split(path, SplitFile("davis2017", "train", 0, ("b", "zebra"), ("c",)))
    with pytest.raises(DataError, match="does not have: zebra"):
        load_videos("davis2017", root, f"{path}:train")
    with pytest.raises(DataError, match="video c has no mask"):
        load_videos("davis2017", root, f"{path}:val")
