"""Divide a training split into videos to train on and videos to validate on offline."""

from __future__ import annotations

import logging
from pathlib import Path

from vostool.core.errors import OutputError, UsageError
from vostool.datasets.catalogue import load_spec, load_videos
from vostool.datasets.spec import VideoDatasetSpec
from vostool.datasets.split import SplitFile, choose_unseen, draw_split, write_split

log = logging.getLogger(__name__)

DEFAULT_FRACTION = 10
"""One video in this many is held out where the data set names no number."""


def split(
    dataset: str,
    root: Path,
    out: Path,
    *,
    base: str = "train",
    holdout: int | None = None,
    seed: int = 0,
    unseen_categories: str | None = None,
    overwrite: bool = False,
) -> SplitFile:
    """Draw an offline validation set and store it as lists of names.

    Only names and categories are needed: for YouTube-VOS `meta.json` alone is enough.

    Args:
        base: the data set's split to divide.
        holdout: videos to hold out; default 150 for YouTube-VOS (3321 of 3471 remain to train on),
            else what the data set suggests, else a tenth.
        unseen_categories: categories to keep out of training: a number, drawn at random, or names
            separated by commas. Videos that show one of them leave training.

    Returns:
        The split as written to `out`.

    Raises:
        UsageError: unknown data set, split or categories; impossible numbers.
        DataError: the data set cannot be read.
        OutputError: `out` exists and `overwrite` is not given.
    """
    out = Path(out)
    if out.exists() and not overwrite:
        raise OutputError(
            "the split file exists",
            where=out,
            remedy="choose another name, or pass --overwrite to replace it",
        )
    spec = load_spec(dataset)
    categories = _categories(spec, Path(root), base)
    unseen = choose_unseen(categories, unseen_categories, seed)
    if holdout is None:
        holdout = spec.holdout or max(1, len(categories) // DEFAULT_FRACTION)
    train, val, left_out = draw_split(categories, holdout=holdout, seed=seed, unseen=unseen)
    result = SplitFile(spec.name, base, seed, train, val, unseen, left_out)
    write_split(out, result)
    log.info(_summary(result, out))
    return result


def _categories(spec: VideoDatasetSpec, root: Path, base: str) -> dict[str, frozenset[str]]:
    """Categories of the objects of each video of a split."""
    if base not in spec.splits:
        raise UsageError(
            f"{spec.name} has no split {base!r}",
            remedy=f"choose with --split one of: {', '.join(spec.splits)}",
        )
    if spec.index is not None:
        return spec.index(root, base)
    return {
        video.name: frozenset(item.category for item in video.objects if item.category)
        for video in load_videos(spec.name, root, base)
    }


def _summary(result: SplitFile, out: Path) -> str:
    parts = [f"{len(result.train)} videos to train on, {len(result.val)} held out"]
    if result.unseen_categories:
        parts.append(f"unseen in training: {', '.join(result.unseen_categories)}")
    if result.left_out:
        parts.append(f"{len(result.left_out)} videos with unseen categories in neither")
    return f"{'; '.join(parts)} -> {out} (use it as --split {out}:train and --split {out}:val)"
