"""Folds: every video held out once, cases spread evenly, files that are ordinary splits."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vostool.core.errors import DataError, UsageError
from vostool.datasets.folds import draw_folds, find_fold, fold_file, read_folds, without_any
from vostool.datasets.split import SplitFile, write_split

NAMES = [f"video{number}" for number in range(20)]


@settings(max_examples=40, deadline=None)
@given(folds=st.integers(2, 20), seed=st.integers(0, 999))
def test_every_video_is_held_out_once(folds: int, seed: int) -> None:
    drawn = draw_folds(NAMES, folds=folds, seed=seed)
    assert sorted(name for fold in drawn for name in fold) == sorted(NAMES)
    assert {len(fold) for fold in drawn} <= {20 // folds, -(-20 // folds)}
    assert draw_folds(reversed(NAMES), folds=folds, seed=seed) == drawn


@settings(max_examples=40, deadline=None)
@given(folds=st.integers(2, 6), seed=st.integers(0, 999), count=st.integers(0, 20))
def test_a_case_is_spread_over_all_folds(folds: int, seed: int, count: int) -> None:
    """By chance alone one fold would often have three more of it than another."""
    group = frozenset(NAMES[:count])
    parts = [
        len(group & set(f)) for f in draw_folds(NAMES, folds=folds, seed=seed, favoured=[group])
    ]
    assert max(parts) - min(parts) <= 1


def test_seeds_differ() -> None:
    assert len({draw_folds(NAMES, folds=3, seed=seed)[0] for seed in range(5)}) == 5


@pytest.mark.parametrize("folds", [-1, 0, 1, 21])
def test_impossible_numbers(folds: int) -> None:
    with pytest.raises(UsageError, match=f"cannot divide 20 videos into {folds} folds"):
        draw_folds(NAMES, folds=folds, seed=0)


def write(folder: Path, *parts: tuple[str, ...], dataset: str = "davis2016") -> Path:
    for number, val in enumerate(parts, start=1):
        train = tuple(name for name in "abcdef" if name not in val)
        write_split(fold_file(folder, number), SplitFile(dataset, "train", 0, train, val))
    return folder


def test_some_folds_and_what_none_of_them_holds_out(tmp_path: Path) -> None:
    write(tmp_path, ("a", "b"), ("c", "d"), ("e", "f"))
    assert list(read_folds(tmp_path)) == [1, 2, 3]
    some = read_folds(tmp_path, [3, 1])
    assert [fold.val for fold in some.values()] == [("a", "b"), ("e", "f")]
    together = without_any(some)
    assert (together.train, together.val) == (("c", "d"), ("a", "b", "e", "f"))


def test_unusable_folders(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folds in this folder"):
        read_folds(tmp_path)
    write(tmp_path, ("a", "b"), ("b", "c"))
    with pytest.raises(UsageError, match=r"no fold 3; there are fold-1\.json, fold-2\.json"):
        find_fold(tmp_path, 3)
    with pytest.raises(DataError, match="b is held out in folds 1 and 2"):
        read_folds(tmp_path)
    write_split(fold_file(tmp_path, 2), SplitFile("davis2017", "train", 0, ("a",), ("c",)))
    with pytest.raises(DataError, match="different data sets"):
        read_folds(tmp_path)
