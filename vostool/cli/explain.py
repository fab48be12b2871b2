"""Draw what a network goes by in a frame: which memory pixels it reads, and what it aligns.

A video is run up to the frame. Heat maps show how much each pixel of the memory frames gives to the
object (or to one pixel), on one scale; DMN-AOA also shows places of an object's template and where
the proposal that it chose has them.

Example: `vostool explain --checkpoint runs/dmn/best.ckpt --dataset davis2017 --root data/DAVIS
--split val --video dogs-jump --frame 00030 --object 1 --out pictures`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vostool.cli import options

STAGE = "predict"


def run(
    checkpoint: Annotated[Path, typer.Option(help="Trained network.")],
    video: Annotated[str, typer.Option(help="The video.")],
    out: Annotated[Path, typer.Option(help="New folder, of PNG files.")],
    dataset: options.Dataset = None,
    root: options.Root = None,
    split: options.Split = None,
    frame: Annotated[str | None, typer.Option(help="The frame; default the last one.")] = None,
    objects: Annotated[
        list[int] | None, typer.Option("--object", help="Id; may be repeated; default all.")
    ] = None,
    pixel: Annotated[
        str | None, typer.Option(help="X,Y in the frame: this pixel instead of whole objects.")
    ] = None,
    memory: options.MemoryStrategy = "every:5",
    short_side: options.ShortSide = None,
    proposals: Annotated[
        Path | None, typer.Option(help="Proposals (`vostool propose`), if the network needs any.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")] = "auto",
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Run the command."""
    from vostool.core.output import Output
    from vostool.stages.predict.explain_network import Question, explain, parse_pixel
    from vostool.stages.selecting import Asked, select_videos

    options.show_messages(quiet, verbose)
    written = explain(
        checkpoint,
        select_videos(Asked(dataset, root, split, (video,))),
        Question(frame, tuple(objects or ()), None if pixel is None else parse_pixel(pixel)),
        Output(out, overwrite=overwrite),
        options.propagation(memory, short_side),
        proposals=proposals,
        device=device,
    )
    for path in written:
        print(path)
