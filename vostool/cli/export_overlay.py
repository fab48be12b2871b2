"""Draw predicted masks over the frames: a folder of images, or a movie.

Example: `vostool export-overlay preds/final --dataset davis2017 --root data/DAVIS --split val --out look.mp4`
"""  # noqa: E501

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vostool.cli import options

STAGE = "score"


def run(
    predictions: Annotated[Path, typer.Argument(help="Prediction folder.")],
    out: Annotated[Path, typer.Option(help="New folder, or a file ending in .mp4 or .avi.")],
    dataset: options.Dataset = None,
    root: options.Root = None,
    split: options.Split = None,
    video: options.Video = None,
    alpha: Annotated[float, typer.Option(help="Share of colour inside masks, 0 to 1.")] = 0.45,
    contour: Annotated[
        int | None, typer.Option(help="Width of contours in pixels; default by frame size.")
    ] = None,
    fps: Annotated[float, typer.Option(help="Frames per second of a movie.")] = 10.0,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Run the command."""
    from vostool.core.output import Output
    from vostool.stages.score.export_overlay import OverlayStyle, export_overlay
    from vostool.stages.selecting import Asked, select_videos

    options.show_messages(quiet)
    style = OverlayStyle(alpha=alpha, contour=contour, frames_per_second=fps)
    result = export_overlay(
        predictions,
        select_videos(Asked(dataset, root, split, tuple(video or ())), [predictions]),
        Output(out, overwrite=overwrite),
        style=style,
    )
    print(f"{result.out} ({result.videos} videos, {result.frames} frames)")
