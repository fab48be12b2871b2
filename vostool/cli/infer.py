"""Segment videos with one or more trained networks.

Checkpoints, memory strategies and views run through each video in step and are averaged frame by
frame. Under torchrun (torchrun --nproc-per-node 4 -m vostool infer ...) processes share the videos.
What is written on the command line wins over --recipe, value by value; `vostool recipes inference`
shows all that --set takes.

A video of your own needs no data set: a movie or a folder of frames, and --mask with the objects
to follow, which `vostool mask` paints.

Example: `vostool infer --checkpoint runs/a/best.ckpt --dataset davis2017 --root data/DAVIS
--split val --tta flip,0.75,1.0 --memory every:5 --out preds/a`

Example: `vostool infer clip.mp4 --mask first.png --checkpoint runs/a/best.ckpt --out preds/clip
--movie clip-masks.mp4`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vostool.cli import _completion, options
from vostool.cli._flags import given_flags, with_flags
from vostool.inference import wrapper
from vostool.inference.execution import Execution
from vostool.inference.propagation_options import ResultOptions

STAGE = "predict"
HALVES = (ResultOptions, Execution)
WRAPPERS = {wrapper.field(name): wrapper.summary(name) for name in wrapper.names()}


@with_flags(*HALVES, switches=WRAPPERS)
def run(
    out: Annotated[Path, typer.Option(help="New prediction folder.")],
    clip: Annotated[
        Path | None, typer.Argument(help="Video of your own: a movie, or a folder of frames.")
    ] = None,
    mask: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[FRAME=]FILE",
            help="Mask of the video's first frame, or of the frame of this number (movies count "
            "from 0) or name; may be repeated.",
        ),
    ] = None,
    movie: Annotated[
        Path | None,
        typer.Option(help="Movie of the video with its masks, .mp4 or .avi, written afterwards."),
    ] = None,
    dataset: options.Dataset = None,
    root: options.Root = None,
    split: options.Split = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(help="Trained network; may be repeated; default those of --recipe."),
    ] = None,
    network: Annotated[
        list[str] | None,
        typer.Option(
            help="Network that needs no checkpoint: an entry point or package.module, with values "
            "of its Config as NAME:key=value,...; may be repeated.",
            autocompletion=_completion.networks,
        ),
    ] = None,
    recipe: options.InferenceRecipe = None,
    overrides: options.SetInference = None,
    video: options.Video = None,
    plan: Annotated[
        bool,
        typer.Option(
            "--plan", help="Tell what the run needs, from a few frames of the largest video; stop."
        ),
    ] = False,
    json: Annotated[
        Path | None, typer.Option("--json", help="With --plan: write all figures to this file.")
    ] = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    **flags: Any,
) -> None:
    """Run the command."""
    from vostool.core.errors import UsageError
    from vostool.core.figures import rate
    from vostool.core.files import write_json
    from vostool.core.output import Output
    from vostool.stages.next_commands import after_predictions, beside, command
    from vostool.stages.predict.infer import NetworkChoice, infer
    from vostool.stages.predict.infer_own import infer_own
    from vostool.stages.predict.inference_recipe import (
        combine,
        inference_recipe_file,
        read_inference_recipe,
        recipe_checkpoints,
    )
    from vostool.stages.predict.own_video import own_video, refuse_alone, refuse_data_set
    from vostool.stages.predict.plan import plan as make_plan
    from vostool.stages.selecting import Asked, select_videos

    options.show_messages(quiet, verbose)
    chosen = None if recipe is None else read_inference_recipe(recipe)
    file = None if recipe is None else inference_recipe_file(recipe)
    given = given_flags(flags, *HALVES, switches=WRAPPERS)
    networks = [*(checkpoint or ()), *map(NetworkChoice.parse, network or ())]
    if recipe is not None and chosen is not None and not networks:
        networks = [*recipe_checkpoints(recipe, chosen)]
    asked = Asked(dataset, root, split, tuple(video or ()))
    output, settings = Output(out, resume, overwrite), combine(chosen, given, overrides or ())
    if json is not None and not plan:
        raise UsageError("--json is of --plan", remedy="what is done is in run.json")
    own = None
    if clip is None:
        refuse_alone(mask or (), movie)
    else:
        refuse_data_set(clip, asked)
        own = own_video(clip, mask or (), out)
    if plan:
        needed = make_plan(networks, own or select_videos(asked), out, settings)
        if json is not None:
            write_json(json, needed.as_json())
        options.results(beside=[json]).print(needed.table())
        return
    if own is None:
        result = infer(networks, select_videos(asked), output, settings, file)
    else:
        result = infer_own(networks, own, output, settings, movie, file)
    speed = f", {rate(result.frames, result.seconds, 'frames')}" if result.frames else ""
    print(f"{result.folder} ({len(result.videos)} videos{speed})")
    if recipe is not None and chosen is not None and chosen.postprocess.steps:
        final = beside(out, "-final")
        options.show_next(command("postprocess", out, "--recipe", recipe, "--out", final))
    else:
        options.show_next(None if movie is not None else after_predictions(out))
