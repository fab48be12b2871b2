"""Check a submission archive, made by any tool, for everything that the server would reject.

Lists all problems and exits with 1 if there are any. Says whether the server still takes
submissions.

Example: `vostool check-submission a.zip --dataset mose --root data/MOSE --split valid`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vostool.cli import options
from vostool.core.errors import printable

STAGE = "submit"
Archive = Annotated[Path, typer.Argument(help="Archive to check.")]


def run(
    archive: Archive,
    dataset: options.Dataset = None,
    root: options.Root = None,
    split: options.Split = None,
    rehearse: Annotated[
        bool,
        typer.Option("--rehearse", help="The archive is of a split with ground truth."),
    ] = False,
    quiet: options.Quiet = False,
) -> None:
    """Run the command."""
    from vostool.stages.selecting import Asked, select_videos
    from vostool.stages.submit.check_submission import check_submission

    options.show_messages(quiet)
    selection = select_videos(Asked(dataset, root, split))
    report = check_submission(archive, selection, rehearse=rehearse)
    for problem in report.problems:
        print(printable(problem))
    options.show_server(report.server, rehearsed=rehearse)
    if not report.ok:
        raise SystemExit(1)
    print(f"{archive}: right for {report.title} ({report.videos} videos, {report.frames} frames)")
