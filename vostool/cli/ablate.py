"""Make the rows of a paper's ablation tables and set our figures beside the paper's.

Each row is trained, or reuses another row's network with other settings, and is scored; the table
is printed and written as Markdown and JSON. Each row's training can be interrupted; --resume goes
on and keeps what is finished. With several seeds, mean and spread are shown.

Example: `vostool ablate famnet-small --data davis2016=data/DAVIS --data static=data/stills
--split-file split.json --weights mobilenetv2.safetensors --seeds 0,1,2 --out ablations/famnet`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vostool.cli import options

STAGE = "choose"


def run(
    plan: Annotated[str, typer.Argument(help="Shipped: famnet, yu, ...-small; or a TOML file.")],
    data: Annotated[
        list[str] | None, typer.Option("--data", help="Folder of a data entry: ENTRY=FOLDER.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder; default ablations/NAME.")] = None,
    split_file: Annotated[
        Path | None, typer.Option("--split-file", help="Offline split, from `vostool split`.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option("--weights", help="Backbone weights: FILE, imagenet or none.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Only this row and those it needs; may be repeated.")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="Override in all trainings: loop.batch=2.")
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(help="Seeds with commas between; default the file's.")
    ] = None,
    reuse: Annotated[
        list[str] | None, typer.Option(help="Checkpoint instead of training: ROW:SEED=FILE.")
    ] = None,
    model_file: Annotated[
        list[str] | None,
        typer.Option(help="Model file of what rows use, a tracker say: NAME=FILE; nano takes two."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    workers: Annotated[int, typer.Option(min=0, help="Processes that load clips.")] = 1,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Run the command."""
    from vostool.core.output import Output
    from vostool.stages.choose.ablate import AblationRun, ablate, parse_model_files, parse_reuse
    from vostool.stages.choose.ablation_plan import parse_seeds, read_plan
    from vostool.stages.train.training_data import DataFolders

    options.show_messages(quiet, verbose)
    chosen = read_plan(plan)
    numbers = parse_seeds(seeds) if seeds else chosen.seeds
    task = AblationRun(
        Output(out or Path("ablations") / Path(plan).stem, resume, overwrite),
        data=DataFolders.parse(data or [], split_file),
        weights=weights,
        overrides=tuple(overrides or ()),
        only=tuple(only or ()),
        seeds=numbers,
        reuse=parse_reuse(reuse or [], numbers),
        model_files=parse_model_files(model_file or []),
        device=device,
        workers=workers,
    )
    report = ablate(chosen, task)
    for item in (*report.tables(), *(f"note: {note}" for note in report.notes())):
        options.results().print(item)
