"""Offline split: which training videos are held out for validation, stored as lists."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vostool.core.errors import DataError, UsageError
from vostool.core.files import write_json
from vostool.datasets.layout import read_json

PARTS = ("train", "val")


@dataclass(frozen=True)
class SplitFile:
    """An offline split.

    Attributes:
        dataset: name of the data set.
        split: its split that was divided, such as "train".
        seed: seed of the draw.
        train: videos to train on.
        val: videos to validate on; disjoint from `train`.
        unseen_categories: categories of which no video is in `train`.
        left_out: videos with an unseen category that did not find room in `val`.
        favoured: cases of which videos were drawn into `val` before others.
    """

    dataset: str
    split: str
    seed: int
    train: tuple[str, ...]
    val: tuple[str, ...]
    unseen_categories: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    favoured: tuple[str, ...] = ()

    def part(self, name: str) -> tuple[str, ...]:
        """The videos of "train" or "val".

        Raises:
            UsageError: another name.
        """
        if name not in PARTS:
            raise UsageError(
                f"a split file has no part {name!r}",
                remedy="write FILE.json:train or FILE.json:val",
            )
        return self.train if name == "train" else self.val


def is_split_file(split: str) -> bool:
    """Whether a --split value names a part of a split file, as in `split.json:val`."""
    path, colon, _ = split.rpartition(":")
    return split.endswith(".json") or bool(colon and path.endswith(".json"))


def draw_split(
    categories: Mapping[str, frozenset[str]],
    *,
    holdout: int,
    seed: int,
    unseen: Sequence[str] = (),
    favoured: Sequence[frozenset[str]] = (),
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Draw validation videos at random.

    Without unseen categories, `holdout` videos. With them, all videos that show one of them leave
    training; half of the `holdout` (fewer if there are fewer) is drawn from those, the rest from
    the others, so that seen and unseen categories are both scored. Of the others, favoured groups
    have equal shares of the draw, and so have all videos together.

    Args:
        categories: of the objects of each video.
        favoured: groups of videos; a group that is smaller than its share is not drawn whole where
            that would leave none of it to train on.

    Returns:
        Names for training, for validation, and of videos with an unseen category that are in
        neither; each sorted.

    Raises:
        UsageError: nothing would be left to train on or to validate on.
    """
    hidden = sorted(name for name, shown in categories.items() if shown & set(unseen))
    open_names = sorted(set(categories) - set(hidden))
    from_hidden = min(len(hidden), holdout // 2)
    from_open = holdout - from_hidden
    if holdout < 1 or from_open >= len(open_names):
        raise UsageError(
            f"cannot hold out {holdout} of {len(categories)} videos"
            + (f", {len(hidden)} of which show an unseen category" if hidden else ""),
            remedy="choose a smaller --holdout, at least 1",
        )
    generator = random.Random(seed)
    chosen: set[str] = set()
    share = from_open // (len(favoured) + 1)
    for group in favoured:
        rest = [name for name in open_names if name in group and name not in chosen]
        chosen |= set(generator.sample(rest, min(share, (len(rest) + 1) // 2)))
    others = [name for name in open_names if name not in chosen]
    chosen |= set(generator.sample(others, from_open - len(chosen)))
    shown_hidden = set(generator.sample(hidden, from_hidden))
    train = tuple(name for name in open_names if name not in chosen)
    left_out = tuple(name for name in hidden if name not in shown_hidden)
    return train, tuple(sorted(chosen | shown_hidden)), left_out


def choose_unseen(
    categories: Mapping[str, frozenset[str]], request: str | None, seed: int
) -> tuple[str, ...]:
    """Categories to hold out, from a request: a number (drawn at random) or names with commas.

    Raises:
        UsageError: unknown names, more than there are, or the data set has no categories.
    """
    if not request:
        return ()
    known = sorted(set().union(*categories.values()))
    if not known:
        raise UsageError(
            "this data set has no categories to hold out", remedy="leave out --unseen-categories"
        )
    if request.isdecimal():
        if int(request) >= len(known):
            raise UsageError(
                f"cannot hold out {request} of {len(known)} categories", remedy="choose fewer"
            )
        return tuple(sorted(random.Random(seed).sample(known, int(request))))
    names = tuple(sorted({name.strip() for name in request.split(",") if name.strip()}))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(
            f"unknown categories: {', '.join(unknown)}", remedy=f"known: {', '.join(known)}"
        )
    return names


def write_split(path: Path, split: SplitFile) -> None:
    """Write a split file (JSON), all or nothing."""
    write_json(path, dataclasses.asdict(split))


def read_split(path: Path) -> SplitFile:
    """Read and check a split file.

    Raises:
        DataError: missing, not JSON, keys missing or of the wrong type, train and val overlap.
    """
    remedy = "make it with vostool split"
    value = read_json(path, remedy)
    names = {field.name for field in dataclasses.fields(SplitFile)}
    needed = {"dataset", "seed", "train", "val"}
    if not isinstance(value, dict) or not needed <= set(value) <= names:
        raise DataError("this is not a split file", where=path, remedy=remedy)
    lists = {}
    for key in ("train", "val", "unseen_categories", "left_out", "favoured"):
        items = value.get(key, [])
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise DataError(f"{key} must be a list of names", where=path, remedy=remedy)
        lists[key] = tuple(items)
    both = sorted(set(lists["train"]) & set(lists["val"]))
    if both:
        raise DataError(f"{both[0]} is in both train and val", where=path, remedy=remedy)
    if not isinstance(value["dataset"], str) or not isinstance(value["seed"], int):
        raise DataError("dataset or seed has the wrong type", where=path, remedy=remedy)
    return SplitFile(
        dataset=value["dataset"],
        split=str(value.get("split", "train")),
        seed=value["seed"],
        **lists,
    )
