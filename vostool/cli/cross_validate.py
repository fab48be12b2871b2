"""Train variants of a recipe on folds of the training videos, and compare them on what is held out.

Each variant is trained once per fold and seed, run on the fold's held-out videos and scored; the
table shows means, the spread over seeds and differences video by video, and is written as Markdown
and JSON. A stage before (--pretrain) or a checkpoint (--init) is shared by all. An ablation file
with rows can stand in place of the recipe. Ctrl-C keeps what is done; --resume goes on.

Example: `vostool split --dataset davis2016 --root data/DAVIS --folds 3 --out folds`, then
`vostool cross-validate stm-r50 --folds folds --fold 1 --fold 2 --data davis2017=data/DAVIS
--init pre/best.ckpt --seeds 0,1,2 --variant 'slow: optimiser.learning_rate=1e-5' --out cv`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vostool.cli import _completion, options
from vostool.cli._flags import given_flags, with_flags
from vostool.inference.propagation_options import ResultOptions

STAGE = "choose"
COMMON = ("views", "memory", "max_memory", "feedback", "short_side", "long_side", "precision")
"""How held-out videos are run, if not as the file says; more goes into --recipe."""


@with_flags(ResultOptions, only=COMMON)
def run(
    what: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE",
            help="A recipe, or an ablation file with rows.",
            autocompletion=_completion.recipes,
        ),
    ],
    folds: Annotated[Path, typer.Option(help="Folder that `vostool split --folds` wrote.")],
    fold: Annotated[
        list[int] | None, typer.Option(min=1, help="Use this fold only; may be repeated.")
    ] = None,
    data: Annotated[
        list[str] | None, typer.Option("--data", help="Folder of a data entry: ENTRY=FOLDER.")
    ] = None,
    variant: Annotated[
        list[str] | None,
        typer.Option(help="'NAME: key=value key=value', to compare with the recipe as it is."),
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="Override in all trainings: loop.batch=2.")
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="Seeds with commas between; default 0.")] = None,
    pretrain: Annotated[
        str | None, typer.Option(help="Recipe of a stage before, trained once for all.")
    ] = None,
    init: Annotated[Path | None, typer.Option(help="Checkpoint that trainings start from.")] = None,
    weights: Annotated[
        str | None, typer.Option("--weights", help="Backbone weights: FILE, imagenet or none.")
    ] = None,
    recipe: options.InferenceRecipe = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Only this row and those it needs; may be repeated.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder; default cross-validation/RECIPE.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    workers: Annotated[int, typer.Option(min=0, help="Processes that load clips.")] = 1,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    **flags: Any,
) -> None:
    """Run the command."""
    from vostool.core.output import Output
    from vostool.stages.choose.ablation_plan import parse_seeds
    from vostool.stages.choose.ablation_run import AblationRun
    from vostool.stages.choose.cross_validate import cross_validate, plan_of
    from vostool.stages.predict.inference_recipe import combine, read_inference_recipe
    from vostool.stages.train.training_data import DataFolders

    options.show_messages(quiet, verbose)
    chosen = None if recipe is None else read_inference_recipe(recipe)
    settings = combine(chosen, given_flags(flags, ResultOptions), ())
    plan = plan_of(what, variants=variant or (), pretrain=pretrain, inference=settings.inference)
    task = AblationRun(
        Output(out or Path("cross-validation") / Path(what).stem, resume, overwrite),
        data=DataFolders.parse(data or []),
        init=init,
        weights=weights,
        overrides=tuple(overrides or ()),
        only=tuple(only or ()),
        seeds=parse_seeds(seeds) if seeds else plan.seeds,
        device=device,
        workers=workers,
    )
    report = cross_validate(plan, task, folds, fold or ())
    for item in (report.table(), *(f"note: {note}" for note in report.notes())):
        options.results().print(item)
