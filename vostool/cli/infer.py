"""Segment videos with one or more trained networks.

Checkpoints, memory strategies and views run through each video in step and are averaged frame by
frame. Under torchrun (torchrun --nproc-per-node 4 -m vostool infer ...) processes share the videos.
Options that are given win over those of --recipe.

Example: `vostool infer --checkpoint runs/a/best.ckpt --dataset davis2017 --root data/DAVIS
--split val --tta flip,0.75,1.0 --memory every:5 --out preds/a`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vostool.cli import options


def run(
    context: typer.Context,
    checkpoint: Annotated[list[Path], typer.Option(help="Trained network; may be repeated.")],
    dataset: options.Dataset,
    root: options.Root,
    split: options.Split,
    out: Annotated[Path, typer.Option(help="New prediction folder.")],
    recipe: options.InferenceRecipe = None,
    tta: Annotated[
        str, typer.Option(help="Views: flip, scales, both (flip,0.75,1.0) or none.")
    ] = "none",
    memory: Annotated[
        list[str] | None,
        typer.Option(
            help="Memory strategy; may be repeated: every:K, first-previous, early:N,K, visible. "
            "Default every:5."
        ),
    ] = None,
    max_memory: Annotated[
        int | None, typer.Option(help="Most frames per object that stay in memory.")
    ] = None,
    feedback: Annotated[
        str, typer.Option(help="What goes back into memory: own prediction, or the merged one.")
    ] = "own",
    short_side: Annotated[
        int | None, typer.Option(help="Resize frames to this shorter side at scale 1.")
    ] = None,
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16.")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    compile_networks: Annotated[
        bool, typer.Option("--compile", help="Compile networks: slow start, quick frames.")
    ] = False,
    save_probabilities: Annotated[
        bool, typer.Option("--save-probabilities", help="For `vostool ensemble`.")
    ] = False,
    all_frames: Annotated[
        bool, typer.Option("--all-frames", help="Write every frame, not only those scored.")
    ] = False,
    video: options.Video = None,
    crop_zoom: Annotated[
        bool,
        typer.Option("--crop-zoom/--no-crop-zoom", help="Segment small objects again, enlarged."),
    ] = False,
    tracker: Annotated[
        str | None, typer.Option(help="For --crop-zoom: mask-box (default), vit, nano or mil.")
    ] = None,
    tracker_model: Annotated[
        list[Path] | None, typer.Option(help="The tracker's model file; nano takes two.")
    ] = None,
    set_zoom: Annotated[
        list[str] | None, typer.Option(help="A threshold of --crop-zoom, such as margin=2.")
    ] = None,
    online_finetune: Annotated[
        bool,
        typer.Option(
            "--online-finetune/--no-online-finetune",
            help="Also tune each network to each video, and average both.",
        ),
    ] = False,
    ft_iterations: Annotated[
        int | None,
        typer.Option(
            help="For --online-finetune: iterations per video. Default 200, or a recipe's."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of random numbers.")] = 0,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Run the command."""
    from vostool.core.output import Output
    from vostool.datasets.selection import Selection
    from vostool.inference.crop_zoom import choose_zoom
    from vostool.stages.predict.infer import infer
    from vostool.stages.predict.inference_recipe import combine_settings, read_inference_recipe
    from vostool.training.finetuning.options import choose_finetune

    options.show_messages(quiet, verbose)
    chosen = None if recipe is None else read_inference_recipe(recipe)
    given = {
        "compile" if name == "compile_networks" else name for name in options.explicit(context)
    }
    of_recipe = None if chosen is None else chosen.values.get("online_finetune")
    if "online_finetune" in given and not online_finetune:
        of_recipe = None
    if ft_iterations is not None:
        given.add("online_finetune")
    values = {
        "tta": tta,
        "memory": tuple(memory or ["every:5"]),
        "max_memory": max_memory,
        "feedback": feedback,
        "short_side": short_side,
        "precision": precision,
        "device": device,
        "compile": compile_networks,
        "save_probabilities": save_probabilities,
        "all_frames": all_frames,
        "seed": seed,
        "crop_zoom": choose_zoom(crop_zoom, set_zoom or ()),
        "tracker": tracker,
        "tracker_model": tuple(tracker_model or ()),
        "online_finetune": choose_finetune(online_finetune, ft_iterations, of_recipe),
    }
    result = infer(
        checkpoint,
        Selection(dataset, root, split, tuple(video or ())),
        Output(out, resume, overwrite),
        combine_settings(chosen, values, given),
    )
    rate = result.frames / max(result.seconds, 1e-9)
    print(f"{result.folder} ({len(result.videos)} videos, {rate:.2f} frames per second)")
    if chosen is not None and chosen.postprocess.steps:
        print(f"the recipe goes on with: vostool postprocess {out} --recipe {recipe} --out ...")
