"""Train a network as a recipe says.

Under torchrun (torchrun --nproc-per-node 4 -m vostool train ...) the same command uses several
processes. Ctrl-C saves the state; --resume goes on from it.

Example: `vostool train stm-r50 --init pre/best.ckpt --data youtubevos2019=data/YouTubeVOS`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vostool.cli import _completion, options

STAGE = "train"


def run(
    recipe: Annotated[
        str,
        typer.Argument(
            help="Name (`vostool recipes`) or TOML file.", autocompletion=_completion.recipes
        ),
    ],
    data: Annotated[
        list[str] | None, typer.Option("--data", help="Folder of a data entry: ENTRY=FOLDER.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder; default runs/RECIPE.")] = None,
    init: Annotated[
        Path | None, typer.Option("--init", help="Checkpoint to start from, such as best.ckpt.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option("--weights", help="Backbone weights: FILE, imagenet or none.")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="Override a value: optimiser.name=sgd.")
    ] = None,
    split_file: Annotated[
        Path | None, typer.Option("--split-file", help="Offline split, from `vostool split`.")
    ] = None,
    fold: Annotated[
        int | None,
        typer.Option(min=1, help="Fold of --split-file, a folder of `vostool split --folds`."),
    ] = None,
    proposals: Annotated[
        list[str] | None,
        typer.Option(help="Proposals of an entry's frames (`vostool propose`): ENTRY=FILE."),
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")] = "auto",
    workers: Annotated[int, typer.Option(min=0, help="Processes that load clips.")] = 1,
    max_minutes: Annotated[
        float | None, typer.Option(min=0, help="Stop after this time, to go on with --resume.")
    ] = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write events.")] = False,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Train a network as a recipe says."""
    from vostool.core.output import Output
    from vostool.recipe import load_recipe
    from vostool.stages.train.after_training import after_training
    from vostool.stages.train.train import TrainingRun, train
    from vostool.stages.train.training_data import DataFolders
    from vostool.training.loop.distributed import is_main_process

    options.show_messages(quiet or not is_main_process(), verbose)
    chosen = load_recipe(recipe, overrides or [])
    task = TrainingRun(
        Output(out or Path("runs") / chosen.name, resume, overwrite),
        data=DataFolders.parse(data or [], split_file, proposals or (), fold),
        init=init,
        weights=weights,
        device=device,
        workers=workers,
        max_minutes=max_minutes,
        tensorboard=tensorboard,
    )
    result = train(chosen, task)
    if is_main_process():
        print(result.best or result.folder)
        options.show_next(after_training(chosen, task) if result.finished else None)
