"""Write the baseline that every network must beat: given masks, copied into all later frames.

Example: `vostool baseline --dataset davis2017 --root data/DAVIS --split val --out preds/baseline`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vostool.cli import options

STAGE = "predict"


def run(
    out: Annotated[Path, typer.Option(help="New prediction folder.")],
    dataset: options.Dataset = None,
    root: options.Root = None,
    split: options.Split = None,
    video: options.Video = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Copy masks."""
    from vostool.core.output import Output
    from vostool.stages.next_commands import after_predictions
    from vostool.stages.predict.baseline import baseline
    from vostool.stages.selecting import Asked, select_videos

    options.show_messages(quiet)
    selection = select_videos(Asked(dataset, root, split, tuple(video or ())))
    baseline(selection, Output(out, overwrite=overwrite))
    options.show_next(after_predictions(out))
