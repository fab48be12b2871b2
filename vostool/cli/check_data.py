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

STAGE = "data"
Stills = Annotated[
    str | None, typer.Option("--stills", help="Kind of stills instead, such as image-folder.")
]
Quick = Annotated[bool, typer.Option("--quick", help="Headers and first masks only.")]


def run(
    dataset: options.Dataset = None,
    root: options.Root = None,
    split: options.Split = None,
    stills: Stills = None,
    video: options.Video = None,
    quick: Quick = False,
    quiet: options.Quiet = False,
) -> None:
    from vostool.reporting.inventory_table import show
    from vostool.stages.data.check_data import check_data, check_stills
    from vostool.stages.selecting import Asked, select_videos

    options.show_messages(quiet)
    if stills is None:
        selection = select_videos(Asked(dataset, root, split, tuple(video or ())))
        report = check_data(selection, quick=quick)
    elif root is None or dataset or split or video:
        raise UsageError(
            "stills have a folder, and no data set, split or videos",
            remedy="give --stills with --root alone",
        )
    else:
        report = check_stills(stills, root, quick=quick)
    show(report)
    if report.problems:
        raise typer.Exit(1)
