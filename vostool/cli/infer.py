"""Segment videos with one or more trained networks.

Checkpoints, memory strategies and views run through each video in step and are averaged frame by
frame. Under torchrun (torchrun --nproc-per-node 4 -m vostool infer ...) processes share the videos.

Example: `vostool infer --checkpoint runs/a/best.ckpt --dataset davis2017 --root data/DAVIS
--split val --tta flip,0.75,1.0 --memory every:5 --out preds/a`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vostool.cli import options


def run(
    checkpoint: Annotated[list[Path], typer.Option(help="Trained network; may be repeated.")],
    dataset: options.Dataset,
    root: options.Root,
    split: options.Split,
    out: Annotated[Path, typer.Option(help="New prediction folder.")],
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
    video: Annotated[
        list[str] | None, typer.Option(help="Only this video; may be repeated.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of random numbers.")] = 0,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Run the command."""
    from vostool.stages.infer import InferenceSettings, VideoChoice, infer

    settings = InferenceSettings(
        tta=tta,
        memory=tuple(memory or ["every:5"]),
        max_memory=max_memory,
        feedback=feedback,  # type: ignore[arg-type]
        short_side=short_side,
        precision=precision,
        device=device,
        compile=compile_networks,
        save_probabilities=save_probabilities,
        all_frames=all_frames,
        seed=seed,
    )
    choice = VideoChoice(dataset, root, split, tuple(video or ()))
    result = infer(
        checkpoint, choice, out, settings, resume=resume, overwrite=overwrite,
        console=options.console(quiet, verbose),
    )  # fmt: skip
    rate = result.frames / max(result.seconds, 1e-9)
    print(f"{result.folder} ({len(result.videos)} videos, {rate:.2f} frames per second)")
