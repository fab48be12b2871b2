"""Divide a training split into videos to train on and videos to validate on offline."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from vostool.core.errors import UsageError
from vostool.core.output import Output
from vostool.datasets.folds import PATTERN, draw_folds, fold_file
from vostool.datasets.selection import Selection
from vostool.datasets.split import SplitFile, choose_unseen, draw_split, read_split, write_split
from vostool.datasets.traits import TRAITS, video_traits, with_trait

log = logging.getLogger(__name__)

DEFAULT_FRACTION = 10
"""One video in this many is held out where the data set names no number."""


def split(
    selection: Selection,
    output: Output,
    *,
    holdout: int | None = None,
    seed: int = 0,
    unseen_categories: str | None = None,
    favour: Sequence[str] = (),
) -> SplitFile:
    """Draw an offline validation set and store it as lists of names.

    Only names and categories are needed: for YouTube-VOS `meta.json` alone is enough.

    Args:
        selection: the data set's split to divide, or some of its videos.
        output: a JSON file.
        holdout: videos to hold out; default 150 for YouTube-VOS (3321 of 3471 remain to train on),
            else what the data set suggests, else a tenth.
        unseen_categories: categories to keep out of training: a number, drawn at random, or names
            separated by commas. Videos that show one of them leave training.
        favour: cases (`vostool.datasets.traits`) of which more is held out than chance would;
            needs the masks of the split.

    Returns:
        The split as written to `output`.

    Raises:
        UsageError: unknown data set, split, categories or cases; impossible numbers.
        DataError: the data set cannot be read.
        DataError: what would be replaced is no split file.
        OutputError: `output` exists and is not to be overwritten.
    """
    out, spec = output.claim_file("split file"), selection.spec
    if out.exists():
        read_split(out)  # nothing but a split file is replaced
    categories = _categories(selection)
    unseen = choose_unseen(categories, unseen_categories, seed)
    if holdout is None:
        holdout = spec.holdout or max(1, len(categories) // DEFAULT_FRACTION)
    groups = _groups(selection, favour)
    train, val, left_out = draw_split(
        categories, holdout=holdout, seed=seed, unseen=unseen, favoured=groups
    )
    cases = tuple(favour)
    result = SplitFile(spec.name, selection.split, seed, train, val, unseen, left_out, cases)
    write_split(out, result)
    log.info(_summary(result, out))
    return result


def split_into_folds(
    selection: Selection,
    output: Output,
    *,
    folds: int,
    seed: int = 0,
    favour: Sequence[str] = (),
) -> list[SplitFile]:
    """Divide all videos into folds and store one offline split for each, for cross-validation.

    Args:
        selection: as for `split`.
        output: a folder; it gets `fold-1.json` to `fold-K.json`.
        folds: how many.
        favour: cases of which every fold is to have its part; needs the masks of the split.

    Returns:
        The splits as written; each video is held out in one of them.

    Raises:
        UsageError, DataError: as `split`.
        OutputError: the folder is not empty and is not to be overwritten.
    """
    inputs = [selection.root]
    with output.owned(inputs):
        out = output.claim_folder(inputs)
        for old in out.glob(PATTERN):
            read_split(old)  # nothing but split files is replaced
        names = sorted(_categories(selection))
        held_out = draw_folds(names, folds=folds, seed=seed, favoured=_groups(selection, favour))
        for old in out.glob(PATTERN):
            old.unlink()
        splits = []
        for number, val in enumerate(held_out, start=1):
            train = tuple(name for name in names if name not in set(val))
            dataset, cases = selection.spec.name, tuple(favour)
            splits.append(SplitFile(dataset, selection.split, seed, train, val, favoured=cases))
            write_split(fold_file(out, number), splits[-1])
    sizes = ", ".join(str(len(item.val)) for item in splits)
    log.info(
        f"{len(names)} videos in {folds} folds of {sizes} -> {out} (use one as --split-file {out} "
        f"--fold 1 or --split {fold_file(out, 1)}:val, all with vostool cross-validate)"
    )
    return splits


def _groups(selection: Selection, favour: Sequence[str]) -> list[frozenset[str]]:
    """The videos that show each favoured case; empty groups are said."""
    if not favour:
        return []
    unknown = sorted(set(favour) - set(TRAITS))
    if unknown:
        raise UsageError(f"unknown case {unknown[0]!r}", remedy=f"known: {', '.join(TRAITS)}")
    traits = video_traits(selection.load())
    groups = [with_trait(traits, name) for name in favour]
    for name, group in zip(favour, groups, strict=True):
        if not group:
            log.warning(f"no video of {selection} is {name}")
    return groups


def _categories(selection: Selection) -> dict[str, frozenset[str]]:
    """Categories of the objects of each chosen video."""
    spec = selection.spec
    if selection.split not in spec.splits:
        raise UsageError(
            f"{spec.name} has no split {selection.split!r}",
            remedy=f"choose with --split one of: {', '.join(spec.splits)}",
        )
    if spec.index is not None and not selection.videos:
        return spec.index(selection.root, selection.split)
    return {
        video.name: frozenset(item.category for item in video.objects if item.category)
        for video in selection.load()
    }


def _summary(result: SplitFile, out: Path) -> str:
    parts = [f"{len(result.train)} videos to train on, {len(result.val)} held out"]
    if result.unseen_categories:
        parts.append(f"unseen in training: {', '.join(result.unseen_categories)}")
    if result.favoured:
        parts.append(f"favoured in the held-out part: {', '.join(result.favoured)}")
    if result.left_out:
        parts.append(f"{len(result.left_out)} videos with unseen categories in neither")
    return f"{'; '.join(parts)} -> {out} (use it as --split {out}:train and --split {out}:val)"
