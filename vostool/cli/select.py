"""Score the last checkpoints of a run on held-out videos and keep the best.

The table has all measures of the data set and their spread over the checkpoints. --average 5 also
scores the mean of the weights of the best five, which is kept only if it is better.

Example: `vostool select runs/stm-mnv2-small --data davis2016=data/DAVIS --last 10 --average 5`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vostool.cli import options

STAGE = "choose"


def run(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.")],
    data: Annotated[
        list[str] | None, typer.Option("--data", help="Folder of a data entry: ENTRY=FOLDER.")
    ] = None,
    last: Annotated[
        int | None, typer.Option(min=1, help="How many of the newest; default all there are.")
    ] = None,
    average: Annotated[
        int | None, typer.Option(min=2, help="Also score the mean weights of so many of the best.")
    ] = None,
    video: options.Video = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="Override: validation.max_frames=40.")
    ] = None,
    split_file: Annotated[
        Path | None, typer.Option("--split-file", help="Offline split, from `vostool split`.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")] = "auto",
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Score the last checkpoints of a run on held-out videos and keep the best."""
    from vostool.stages.choose.select import select
    from vostool.stages.next_commands import after_selecting
    from vostool.stages.train.training_data import DataFolders
    from vostool.training.checkpoints.run_folder import RunFolder

    options.show_messages(quiet, verbose)
    result = select(
        run,
        DataFolders.parse(data or [], split_file),
        last=last,
        average=average,
        overrides=overrides or [],
        videos=video or (),
        device=device,
    )
    options.results().print(result.table())
    options.show_next(after_selecting(RunFolder(run).best, result.held_out))
