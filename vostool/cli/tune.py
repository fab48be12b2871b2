"""Find the best views, memory, crop-then-zoom and post-processing on held-out videos.

All combinations of the values given are run and scored; the best one becomes a recipe. Only
held-out videos are accepted: the val part of a file that `vostool split` wrote, or training videos
named with --video. What is finished is kept with --resume. `vostool infer --recipe` and
`vostool postprocess --recipe` take the result.

Example: `vostool tune --checkpoint runs/a/best.ckpt --dataset youtubevos2019 --root data/YouTubeVOS
--split split.json:val --tta none --tta flip,0.75,1.0 --memory every:5 --memory every:5+visible
--crop-zoom none --crop-zoom default --steps none --steps keep-near-last,drop-small
--set drop-small.min-area=16 --set drop-small.min-area=64 --out tuned.toml`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vostool.cli import _completion, options
from vostool.cli._flags import given_flags, with_flags
from vostool.inference.execution import Execution
from vostool.inference.propagation_options import ResultOptions

STAGE = "choose"
HALVES = (ResultOptions, Execution)
COMMON = (
    "feedback",
    "merge",
    "short_side",
    "long_side",
    "precision",
    "seed",
    "device",
    "compile",
    "model_files",
)
"""Options that all trials have in common."""


@with_flags(*HALVES, only=COMMON)
def run(
    checkpoint: Annotated[list[Path], typer.Option(help="Trained network; may be repeated.")],
    split: Annotated[
        str,
        typer.Option(
            "--split",
            help="FILE.json:val, or train with --video.",
            autocompletion=_completion.splits,
        ),
    ],
    out: Annotated[Path, typer.Option(help="The recipe to write, such as tuned.toml.")],
    dataset: options.Dataset = None,
    root: options.Root = None,
    tta: Annotated[
        list[str] | None,
        typer.Option(
            help="Views to try; may be repeated. Default none.", autocompletion=_completion.views
        ),
    ] = None,
    memory: Annotated[
        list[str] | None,
        typer.Option(
            help="Strategies to try, with + for several in step. Default every:5.",
            autocompletion=_completion.strategies,
        ),
    ] = None,
    max_memory: Annotated[
        list[str] | None, typer.Option(help="Frames to try, or none; may be repeated.")
    ] = None,
    crop_zoom: Annotated[
        list[str] | None,
        typer.Option(
            help="Crop-then-zoom to try: none, default, or thresholds such as "
            "margin=3,zoom_height=240; may be repeated."
        ),
    ] = None,
    steps: Annotated[
        list[str] | None,
        typer.Option(
            help="Post-processings to try, or none; may be repeated.",
            autocompletion=_completion.steps,
        ),
    ] = None,
    step_values: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Value to try, STEP.PARAMETER=VALUE for --steps or any of `vostool recipes "
            "inference`; may be repeated.",
        ),
    ] = None,
    video: options.Video = None,
    work: Annotated[
        Path | None, typer.Option(help="Folder for masks and scores; default beside --out.")
    ] = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    **flags: Any,
) -> None:
    """Run the command."""
    from vostool.core.output import Output
    from vostool.stages.choose.tune import tune
    from vostool.stages.choose.tuning import TuningChoices
    from vostool.stages.next_commands import after_tuning
    from vostool.stages.predict.infer import InferenceSettings
    from vostool.stages.selecting import Asked, select_videos

    options.show_messages(quiet, verbose)
    tried = {"tta": tta, "memory": memory, "max_memory": max_memory, "crop_zoom": crop_zoom}
    tried |= {"steps": steps, "set": step_values}
    given = given_flags(flags, *HALVES)
    files = given.pop("model_files", None)
    held_out = select_videos(Asked(dataset, root, split, tuple(video or ())))
    result = tune(
        checkpoint,
        held_out,
        TuningChoices(**{name: tuple(values) for name, values in tried.items() if values}),
        Output(out, resume, overwrite),
        work=work,
        settings=InferenceSettings.of(given),
        model_files=files,
    )
    options.results().print(result.table())
    print(result.recipe)
    options.show_next(after_tuning(result.recipe, held_out, result.model_files))
