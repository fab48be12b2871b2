"""Hold out training videos for offline validation: a seeded draw, stored as a list.

The held-out videos are used as `--split split.json:val`, the others as `--split split.json:train`.
With --unseen-categories, whole categories are kept out of training, so that the unseen part of
the YouTube-VOS measure can be imitated. With --favour, the held-out part shows more of the cases
that challenges measure: long, crowded, small, vanishing, returning. With --folds K, a folder of K
such files is written for cross-validation, and --favour gives each fold its part of the cases.

Example: `vostool split --dataset youtubevos2019 --root data/YouTubeVOS --holdout 150 --out s.json`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vostool.cli import _completion, options

STAGE = "data"
Out = Annotated[Path, typer.Option("--out", help="File to write, JSON; with --folds a folder.")]
Base = Annotated[
    str,
    typer.Option(
        "--split", help="Split of the data set to divide.", autocompletion=_completion.splits
    ),
]
Holdout = Annotated[
    int | None,
    typer.Option("--holdout", help="Videos to hold out [default: 150 of YouTube-VOS, else few]."),
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of the draw.")]
Unseen = Annotated[
    str | None,
    typer.Option(
        "--unseen-categories",
        help="Categories to keep out of training: a number, or names with commas.",
    ),
]
Favour = Annotated[
    str | None,
    typer.Option("--favour", help="Cases to hold out more of, with commas: small,returning ..."),
]

Folds = Annotated[
    int | None,
    typer.Option("--folds", help="Divide all videos into so many folds, each held out once."),
]


def run(
    out: Out,
    dataset: options.Dataset = None,
    root: options.Root = None,
    base: Base = "train",
    video: options.Video = None,
    holdout: Holdout = None,
    seed: Seed = 0,
    unseen_categories: Unseen = None,
    favour: Favour = None,
    folds: Folds = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    from vostool.core.errors import UsageError
    from vostool.core.output import Output
    from vostool.stages.data.split import split, split_into_folds
    from vostool.stages.next_commands import after_splitting
    from vostool.stages.selecting import Asked, select_videos

    options.show_messages(quiet)
    cases = [name.strip() for name in (favour or "").split(",") if name.strip()]
    if folds is not None and (holdout is not None or unseen_categories is not None):
        raise UsageError(
            "--folds holds out each video once, whatever its categories",
            remedy="leave out --holdout and --unseen-categories",
        )
    videos = select_videos(Asked(dataset, root, base, tuple(video or ())))
    output = Output(out, overwrite=overwrite)
    if folds is not None:
        split_into_folds(videos, output, folds=folds, seed=seed, favour=cases)
        return
    split(
        videos,
        output,
        holdout=holdout,
        seed=seed,
        unseen_categories=unseen_categories,
        favour=cases,
    )
    options.show_next(after_splitting(out, videos))
