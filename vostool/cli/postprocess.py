"""Filter the masks of a prediction folder, into another folder.

Steps run in the order given; given masks are never changed. --list shows steps and parameters.
Steps can come from an inference recipe (--recipe) instead of --steps; one that has none, because
`vostool tune` found none to help, copies the masks.

Example: `vostool postprocess preds/ens --steps keep-near-last,drop-small --out preds/final`
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from vostool.cli import _completion, options
from vostool.core import registry

log = logging.getLogger(__name__)

STAGE = "predict"
STEPS = ", ".join(registry.names("vostool.postprocess.steps"))


def show_steps(wanted: bool) -> None:
    """Print all steps with their parameters and stop."""
    if not wanted:
        return
    from vostool.postprocess.chain import describe_steps

    for name, about, fields in describe_steps():
        print(f"{name}: {about}")
        for field, default, meaning in fields:
            print(f"  --set {name}.{field}={default}  {meaning}")
    raise typer.Exit


def run(
    predictions: Annotated[Path, typer.Argument(help="Prediction folder.")],
    out: Annotated[Path, typer.Option(help="New prediction folder.")],
    steps: Annotated[
        str,
        typer.Option(
            help=f"Steps with commas between them, of: {STEPS}.", autocompletion=_completion.steps
        ),
    ] = "",
    recipe: options.InferenceRecipe = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="STEP.PARAMETER=VALUE; may be repeated.")
    ] = None,
    dataset: options.Dataset = None,
    root: options.Root = None,
    split: options.Split = None,
    video: options.Video = None,
    explain: Annotated[
        Path | None,
        typer.Option(help="New folder: per video what was changed and why, with overlays."),
    ] = None,
    list_steps: Annotated[
        bool, typer.Option("--list", callback=show_steps, is_eager=True, help="Show the steps.")
    ] = False,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Run the command."""
    from vostool.core.errors import UsageError
    from vostool.core.output import Output
    from vostool.stages.next_commands import after_predictions
    from vostool.stages.predict.postprocess import postprocess
    from vostool.stages.selecting import Asked, select_if_known

    options.show_messages(quiet, verbose)
    names, values = [name for name in steps.split(",") if name.strip()], settings or []
    if recipe is not None and not names:
        from vostool.stages.predict.inference_recipe import read_inference_recipe

        stated = read_inference_recipe(recipe).postprocess
        names, values = list(stated.steps), [*stated.settings, *values]
        if not names:
            log.info(f"{recipe} has no steps: the masks are copied as they are")
    elif not names:
        raise UsageError("no step is given", remedy=f"known steps: {STEPS}")
    result = postprocess(
        predictions,
        names,
        Output(out, resume, overwrite),
        settings=values,
        selection=select_if_known(Asked(dataset, root, split), [predictions]),
        explain=None if explain is None else Output(explain, resume, overwrite),
        videos=video or (),
    )
    print(f"{result.folder} ({result.changed_fraction:.2%} of the pixels changed)")
    options.show_next(after_predictions(result.folder))
