"""Folds for cross-validation: a folder of offline splits, each holding out other videos.

`fold-1.json` ... `fold-K.json` are ordinary split files, so that whatever takes a split file takes
a fold. Each video is held out in exactly one of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from vostool.core.errors import DataError, UsageError
from vostool.datasets.split import SplitFile, read_split

PATTERN = "fold-*.json"
REMEDY = "make them with vostool split --folds K --out FOLDER"


def draw_folds(
    names: Iterable[str], *, folds: int, seed: int, favoured: Sequence[frozenset[str]] = ()
) -> list[tuple[str, ...]]:
    """Divide videos at random into groups whose sizes differ by one at most.

    Videos that belong to the same favoured groups are dealt out one by one, so that each fold has
    its part of every case.

    Args:
        favoured: groups of videos.

    Returns:
        Names of each fold, sorted.

    Raises:
        UsageError: fewer than two folds, or fewer videos than folds.
    """
    known = sorted(names)
    if not 2 <= folds <= len(known):
        raise UsageError(
            f"cannot divide {len(known)} videos into {folds} folds",
            remedy="choose --folds from 2 to the number of videos",
        )
    generator = random.Random(seed)
    shuffled = generator.sample(known, len(known))
    # A stable sort keeps the draw's order among videos that show the same cases.
    dealt = sorted(shuffled, key=lambda name: [name not in group for group in favoured])
    return [tuple(sorted(dealt[number::folds])) for number in range(folds)]


def fold_file(folder: Path, number: int) -> Path:
    """File of fold `number`, from 1."""
    return Path(folder) / f"fold-{number}.json"


def find_fold(folder: Path, number: int) -> Path:
    """File of a fold that is there.

    Raises:
        UsageError: there is no folder of folds, or no such fold in it.
    """
    path = fold_file(folder, number)
    if not path.is_file():
        known = [file.name for file in sorted(Path(folder).glob(PATTERN))]
        there = f"; there are {', '.join(known)}" if known else ""
        raise UsageError(f"there is no fold {number}{there}", where=folder, remedy=REMEDY)
    return path


def read_folds(folder: Path, numbers: Sequence[int] = ()) -> dict[int, SplitFile]:
    """Folds of a folder by number, in order.

    Args:
        numbers: of those wanted; all by default.

    Raises:
        UsageError: there is none, or not one of these.
        DataError: a file is no split file, or a video is held out twice or not of one data set.
    """
    chosen = sorted(set(numbers)) or sorted(
        int(path.stem.removeprefix("fold-"))
        for path in Path(folder).glob(PATTERN)
        if path.stem.removeprefix("fold-").isdigit()
    )
    if not chosen:
        raise UsageError("there are no folds in this folder", where=folder, remedy=REMEDY)
    folds = {number: read_split(find_fold(folder, number)) for number in chosen}
    holder: dict[str, int] = {}
    for number, fold in folds.items():
        for name in fold.val:
            if holder.setdefault(name, number) != number:
                raise DataError(
                    f"{name} is held out in folds {holder[name]} and {number}",
                    where=folder,
                    remedy=REMEDY,
                )
    sources = {(fold.dataset, fold.split) for fold in folds.values()}
    if len(sources) > 1:
        raise DataError("the folds are of different data sets", where=folder, remedy=REMEDY)
    return folds


def without_any(folds: dict[int, SplitFile]) -> SplitFile:
    """The split that holds out what any of the folds does: for what all of them start from."""
    val = {name for fold in folds.values() for name in fold.val}
    first = next(iter(folds.values()))
    names = {*first.train, *first.val} - val
    return SplitFile(
        dataset=first.dataset,
        split=first.split,
        seed=first.seed,
        train=tuple(sorted(names)),
        val=tuple(sorted(val)),
        favoured=first.favoured,
    )
