"""Find object proposals in videos, for networks that choose among them.

Writes a COCO result file, which `vostool infer` reads with `--set proposals.source=coco`, and says
how many of the true objects a proposal stands for, where the split has ground truth: no network
that chooses among these proposals can do better.

Example: `vostool propose --source maskrcnn --file runs/proposals/best.ckpt --dataset davis2017
--root data/DAVIS --split val --out proposals.json`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vostool.cli import options


def run(
    source: Annotated[str, typer.Option(help="maskrcnn, or coco for a file of proposals.")],
    file: Annotated[
        list[Path] | None, typer.Option(help="The source's file: weights, or proposals.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="JSON file to write; without, the recall alone.")
    ] = None,
    dataset: options.Dataset = None,
    root: options.Root = None,
    split: options.Split = None,
    video: options.Video = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")] = "auto",
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Run the command."""
    from vostool.core.output import Output
    from vostool.stages.predict.propose import propose
    from vostool.stages.selecting import Asked, select_videos

    options.show_messages(quiet, verbose)
    found = propose(
        source,
        file or (),
        select_videos(Asked(dataset, root, split, tuple(video or ()))),
        None if out is None else Output(out, overwrite=overwrite),
        device,
    )
    if found.recall.best:
        print(f"{source}: {found.recall}")
        print(f"true last masks moved about: {found.moved}")
    else:
        print("no ground truth beyond the masks given: no recall")
    if out is not None:
        print(f"{out} ({len(found.images)} frames, {len(found.annotations)} proposals)")
