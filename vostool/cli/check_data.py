"""Say what is in a data set, or in a folder of stills, and what is wrong with it.

Reads every image and mask; --quick reads headers and first masks only. Exit code 1 if anything is
wrong: missing or unreadable files, masks of another size, unknown colours, empty first masks,
objects or frames that meta.json names but that are not there.

Example: `vostool check-data --dataset davis2017 --root data/DAVIS --split val`
"""

from __future__ import annotations

from typing import Annotated

import typer

from vostool.cli import options
from vostool.core.errors import UsageError

DatasetName = Annotated[str | None, typer.Option("--dataset", help="Data set, such as davis2017.")]
Stills = Annotated[
    str | None, typer.Option("--stills", help="Kind of stills instead, such as image-folder.")
]
SplitName = Annotated[str | None, typer.Option("--split", help="Split, such as val.")]
Quick = Annotated[bool, typer.Option("--quick", help="Headers and first masks only.")]


def run(
    root: options.Root,
    dataset: DatasetName = None,
    split: SplitName = None,
    stills: Stills = None,
    video: options.Video = None,
    quick: Quick = False,
    quiet: options.Quiet = False,
) -> None:
    from vostool.datasets.selection import Selection
    from vostool.reporting.inventory_table import show
    from vostool.stages.data.check_data import check_data, check_stills

    options.show_messages(quiet)
    if stills and not (dataset or split or video):
        report = check_stills(stills, root, quick=quick)
    elif dataset and split and not stills:
        selection = Selection(dataset, root, split, tuple(video or ()))
        report = check_data(selection, quick=quick)
    else:
        raise UsageError("nothing to check", remedy="give --dataset and --split, or --stills")
    show(report)
    if report.problems:
        raise typer.Exit(1)
