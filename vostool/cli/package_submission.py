"""Package predictions into the archive that a data set's server takes, and check it.

Says whether the server still takes submissions. With --rehearse, a split with public ground truth
is packed as for the server, and what is in the archive is scored here.

Example: `vostool package-submission out --dataset mose --root data/MOSE --split valid --out a.zip`
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from vostool.cli import options

STAGE = "submit"
Predictions = Annotated[Path, typer.Argument(help="Prediction folder.")]
Out = Annotated[Path, typer.Option("--out", help="File to write, ending in .zip.")]

log = logging.getLogger(__name__)


def run(
    predictions: Predictions,
    out: Out,
    dataset: options.Dataset = None,
    root: options.Root = None,
    split: options.Split = None,
    rehearse: Annotated[
        bool,
        typer.Option("--rehearse", help="Pack a split with ground truth and score the archive."),
    ] = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Run the command."""
    from vostool.core.output import Output
    from vostool.stages.next_commands import after_packaging
    from vostool.stages.selecting import Asked, select_videos
    from vostool.stages.submit.package_submission import package_submission
    from vostool.stages.submit.rehearse import rehearse_submission

    options.show_messages(quiet)
    selection = select_videos(Asked(dataset, root, split), [predictions])
    output = Output(out, overwrite=overwrite)
    scores = None
    if rehearse:
        rehearsal = rehearse_submission(predictions, selection, output)
        report, scores = rehearsal.package, rehearsal.scores
    else:
        report = package_submission(predictions, selection, output)
    print(
        f"{report.archive}: {report.videos} videos, {report.frames} frames, "
        f"{report.bytes / 1e6:.1f} MB, checked for {report.title} ({report.converted} masks "
        f"converted, {report.left_out} frames left out)"
    )
    if report.note:
        log.info(f"note on this server: {report.note}")
    options.show_server(report.server, rehearsed=rehearse)
    if scores is not None:
        options.results().print(scores.table())
    options.show_next(after_packaging(report.archive, selection, rehearse=rehearse))
