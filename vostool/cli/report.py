"""Write HTML pages that compare predictions: scores, worst objects, frame by frame, what changed.

Example: `vostool report preds/r50 preds/ens --out report`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vostool.cli import options

STAGE = "score"


def run(
    predictions: Annotated[
        list[str],
        typer.Argument(help="Prediction folders, or LABEL=FOLDER; the last is looked at closest."),
    ],
    out: Annotated[
        Path, typer.Option(help="New folder with index.html in it; a file with --single-file.")
    ],
    dataset: options.Dataset = None,
    root: options.Root = None,
    split: options.Split = None,
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "",
    video: options.Video = None,
    videos: Annotated[
        int, typer.Option("--shown-videos", help="Videos with a page, lowest scores first.")
    ] = 10,
    frames: Annotated[
        int, typer.Option(help="Frames shown per video, evenly chosen where it has more.")
    ] = 120,
    worst: Annotated[int, typer.Option(help="Objects with a picture, lowest scores first.")] = 60,
    single_file: Annotated[
        bool,
        typer.Option(
            "--single-file", help="One file for mail, below 10 MB (fewer frames if need be)."
        ),
    ] = False,
    allow_partial: Annotated[
        bool,
        typer.Option("--allow-partial", help="Compare on the videos that all predictions have."),
    ] = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Run the command."""
    from vostool.core.output import Output
    from vostool.stages.score.comparing import label_folders
    from vostool.stages.score.report import ReportOptions, report
    from vostool.stages.selecting import Asked, select_videos

    options.show_messages(quiet)
    shown = ReportOptions(title, videos, frames, worst, single_file)
    result = report(
        predictions,
        select_videos(
            Asked(dataset, root, split, tuple(video or ())), label_folders(predictions).values()
        ),
        Output(out, overwrite=overwrite),
        options=shown,
        allow_partial=allow_partial,
    )
    print(result.page)
