"""Write an HTML page that compares predictions: scores, plots, overlays, worst frames.

Example: `vostool report preds/r50 preds/ens --dataset davis2017 --root data/DAVIS --split val --out report`
"""  # noqa: E501

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
    out: Annotated[Path, typer.Option(help="New folder; the page is index.html in it.")],
    dataset: options.Dataset = None,
    root: options.Root = None,
    split: options.Split = None,
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "",
    video: options.Video = None,
    videos: Annotated[
        int, typer.Option("--shown-videos", help="Videos with frames, lowest scores first.")
    ] = 6,
    frames: Annotated[int, typer.Option(help="Frames per video and prediction.")] = 6,
    worst: Annotated[int, typer.Option(help="Worst frames.")] = 8,
    allow_partial: Annotated[
        bool,
        typer.Option("--allow-partial", help="Compare on the videos that all predictions have."),
    ] = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Run the command."""
    from vostool.core.output import Output
    from vostool.stages.score.report import ReportOptions, label_folders, report
    from vostool.stages.selecting import Asked, select_videos

    options.show_messages(quiet)
    shown = ReportOptions(title=title, videos=videos, frames=frames, worst=worst)
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
