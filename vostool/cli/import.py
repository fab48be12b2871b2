"""Make a prediction folder of masks that another tool wrote, which stay as they are.

Understands VIDEO/FRAME.png, a folder per object (SAM 2), an image per object (FRAME_OBJECT.png),
numpy stacks (VIDEO.npy), a JSON file of run-length codes (YouTube-VIS); ids, 0 and 255, RGB in the
palette's colours, smoothed edges, other sizes, 0.png for 00000.png. With a data set, ids, frames'
names and sizes are those of its videos. Prints what was done; exit code 1 if something could not
be repaired, which is then not written.

Example: `vostool import sam2 --dataset davis2017 --root data/DAVIS --split val --out preds/sam2`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vostool.cli import options

STAGE = "predict"


def run(
    masks: Annotated[Path, typer.Argument(help="Folder, or JSON file, that another tool wrote.")],
    out: Annotated[Path, typer.Option(help="New prediction folder.")],
    dataset: options.Dataset = None,
    root: options.Root = None,
    split: options.Split = None,
    video: options.Video = None,
    drop_extra: Annotated[
        bool, typer.Option("--drop-extra", help="Leave out videos and frames it does not have.")
    ] = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Run the command."""
    from vostool.core.output import Output
    from vostool.stages.next_commands import after_predictions
    from vostool.stages.predict.import_masks import import_masks
    from vostool.stages.selecting import Asked, select_videos

    options.show_messages(quiet)
    asked = Asked(dataset, root, split, tuple(video or ()))
    result = import_masks(
        masks,
        Output(out, overwrite=overwrite),
        select_videos(asked) if asked.anything else None,
        drop_extra=drop_extra,
    )
    if result.done or result.faults:
        options.results().print(result.table())
    print(f"{result.folder} ({result.masks} masks)")
    if result.faults:
        raise typer.Exit(1)
    options.show_next(after_predictions(result.folder))
