"""Find object proposals in videos, for networks that choose among them.

Writes a COCO result file, which `vostool infer` reads with `--set proposals.source=coco`, and says
how many of the true objects a proposal stands for, where the split has ground truth: no network
that chooses among these proposals can do better.

With --checkpoint, of a network that makes its own proposals (DMN-AOA without a detector), they are
what it chose among as it ran.

Example: `vostool propose --source maskrcnn --file runs/proposals/best.ckpt --dataset davis2017
--root data/DAVIS --split val --out proposals.json`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vostool.cli import options

STAGE = "predict"


def run(
    source: Annotated[
        str | None, typer.Option(help="maskrcnn, or coco for a file of proposals.")
    ] = None,
    file: Annotated[
        list[Path] | None, typer.Option(help="The source's file: weights, or proposals.")
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Network that makes proposals, instead of --source.")
    ] = None,
    memory: options.MemoryStrategy = "every:5",
    short_side: options.ShortSide = None,
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
    from vostool.core.errors import UsageError
    from vostool.core.output import Output
    from vostool.stages.predict.propose import by_detector, by_network, propose
    from vostool.stages.selecting import Asked, select_videos

    options.show_messages(quiet, verbose)
    if (source is None) == (checkpoint is None):
        raise UsageError("proposals come from one of two", remedy="pass --source or --checkpoint")
    videos = select_videos(Asked(dataset, root, split, tuple(video or ())))
    if checkpoint is None:
        assert source is not None
        find, files = by_detector(source, file or (), device), list(file or ())
    else:
        settings = options.propagation(memory, short_side)
        find, files = by_network(checkpoint, settings, device), [checkpoint]
    output = None if out is None else Output(out, overwrite=overwrite)
    found = propose(find, files, videos, output)
    if found.recall.best:
        print(f"{source or checkpoint}: {found.recall}")
        print(f"true last masks moved about: {found.moved}")
    else:
        print("no ground truth beyond the masks given: no recall")
    if out is not None:
        print(f"{out} ({len(found.images)} frames, {len(found.annotations)} proposals)")
