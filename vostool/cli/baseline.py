"""Write the baseline that every network must beat: given masks, copied into all later frames.

Example: `vostool baseline --dataset davis2017 --root data/DAVIS --split val --out preds/baseline`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vostool.cli import options


def run(
    dataset: options.Dataset,
    root: options.Root,
    split: options.Split,
    out: Annotated[Path, typer.Option(help="New prediction folder.")],
    video: options.Video = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Copy masks."""
    from vostool.core.output import Output
    from vostool.datasets.selection import Selection
    from vostool.stages.predict.baseline import baseline

    options.show_messages(quiet)
    selection = Selection(dataset, root, split, tuple(video or ()))
    baseline(selection, Output(out, overwrite=overwrite))
