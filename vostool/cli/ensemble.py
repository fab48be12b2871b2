"""Merge prediction folders of several runs into one.

Takes the mean of probabilities where all members have them (infer --save-probabilities), otherwise
a vote over masks, which may come from any tool. Members must agree on videos, frames, sizes and
ids. --list shows all methods with their options.

Example: `vostool ensemble preds/r50 preds/rx50 --weights 2,1 --out preds/ens`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vostool.cli import options
from vostool.ensembling.options import MergeOptions, method_names

STAGE = "predict"
METHODS = ", ".join(method_names())


def show_methods(wanted: bool) -> None:
    """Print all methods with their options and stop."""
    if not wanted:
        return
    from vostool.ensembling.method import describe_methods

    for name, about, fields in describe_methods():
        print(f"{name}: {about}")
        for field, meaning in fields:
            print(f"  --set {field}=...  {meaning}")
    raise typer.Exit


def run(
    members: Annotated[list[Path], typer.Argument(help="Prediction folders.")],
    out: Annotated[Path, typer.Option(help="New prediction folder.")],
    method: Annotated[str, typer.Option(help=f"auto or one of: {METHODS}.")] = "auto",
    weights: Annotated[
        str | None, typer.Option(help="One number per folder, such as 2,1,1; for learned its file.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="OPTION=VALUE of the method; may be repeated."),
    ] = None,
    list_methods: Annotated[
        bool,
        typer.Option("--list", callback=show_methods, is_eager=True, help="Show the methods."),
    ] = False,
    save_probabilities: Annotated[
        bool, typer.Option("--save-probabilities", help="Write the merged probabilities too.")
    ] = False,
    video: options.Video = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Run the command."""
    from vostool.core.options import assign, read_assignment
    from vostool.core.output import Output
    from vostool.stages.next_commands import after_predictions
    from vostool.stages.predict.ensemble import ensemble

    options.show_messages(quiet, verbose)
    values: dict[str, Any] = {"method": method}
    assign(values, [read_assignment(text, example="weights=2,1,1") for text in settings or []])
    if weights is not None:
        values["weights"] = weights
    result = ensemble(
        members,
        Output(out, resume, overwrite),
        merge=MergeOptions(**values),
        save_probabilities=save_probabilities,
        videos=video or (),
    )
    print(f"{result.folder} ({result.method}, {result.frames} frames)")
    options.show_next(after_predictions(result.folder))
