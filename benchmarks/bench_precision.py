"""Frames per second in fp32 as the papers' code runs it, in fp32 made ready, in bf16, and compiled.

STM with random weights, one object, memory as full as in mid-video; all rows take turns. bf16 is
only quick where the processor has instructions for it: the first line says whether this one has,
and what `--precision auto` therefore chooses. With --checkpoint, bf16 masks of a real video are
compared with fp32 masks too.

Example: `python benchmarks/bench_precision.py --frames 3`
"""

from __future__ import annotations

import argparse
import functools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from _measure import (
    Timing,
    add_timing_options,
    common_parser,
    measured_video,
    random_network,
    run_mid_video,
    take_turns,
    title,
)
from _plain_stm import plain_propagation
from rich.console import Console
from rich.table import Table
from torch import nn

from vostool.core.output import Output
from vostool.datasets.selection import Selection
from vostool.inference.prepare import prepare
from vostool.inference.source import FrameSource
from vostool.nn.precision import FAST_BF16_FLAGS, has_fast_bf16, resolve_precision

PLAIN = "plain"
FORMS: dict[str, tuple[str, torch.dtype | None, bool]] = {
    PLAIN: ("fp32, as in the papers' code", None, False),
    "fp32": ("fp32, BatchNorm folded, channels last", None, False),
    "bf16": ("bf16, folded, channels last", torch.bfloat16, False),
    "fp32-compiled": ("fp32, folded, compiled", None, True),
    "bf16-compiled": ("bf16, folded, compiled", torch.bfloat16, True),
}
"""What it is called, autocast type, and whether parts are compiled."""
DEFAULT_FORMS = (PLAIN, "fp32", "bf16", "bf16-compiled")
CPU = torch.device("cpu")


def propagate(
    network: nn.Module, dtype: torch.dtype | None, video: FrameSource, held: int
) -> Iterator[np.ndarray]:
    """Yield vostool's mask of every frame."""
    for result in run_mid_video([network], video, held, dtype=dtype):
        yield result.mask


def ways(options: argparse.Namespace) -> dict[str, Callable[[], Iterator[object]]]:
    """How to start each form's run."""
    network, video = random_network(options.network), measured_video(options, 1)
    found: dict[str, Callable[[], Iterator[object]]] = {}
    for name in options.forms:
        _, dtype, compiled = FORMS[name]
        if name == PLAIN:
            arguments = (network, video.images, video.given[0], options.memory)
            found[name] = functools.partial(plain_propagation, *arguments)
        else:
            ready = prepare(network, CPU, compile_parts=compiled)
            arguments = (ready, dtype, video, options.memory)
            found[name] = functools.partial(propagate, *arguments)
    return found


def what_auto_chooses() -> str:
    """One sentence about this machine's processor."""
    chosen = "bf16" if resolve_precision("auto", CPU) is torch.bfloat16 else "fp32"
    known = " or ".join(sorted(FAST_BF16_FLAGS))
    has = "has" if has_fast_bf16(CPU) else "has not"
    return f"--precision auto chooses {chosen} here: the processor {has} {known}"


def speeds(timing: Timing, heading: str) -> Table:
    """One row per form."""
    table = Table(title=heading)
    for column in ("form", "frames per s", "times the first"):
        table.add_column(column, justify="left" if column == "form" else "right")
    base = next(iter(timing.seconds))
    for name in timing.seconds:
        ratio = f"{timing.ratio(base, name):.2f}"
        table.add_row(FORMS[name][0], f"{1 / timing.median(name):.3f}", ratio)
    return table


def agreement(options: argparse.Namespace) -> Table:
    """J of bf16 masks with fp32 masks as truth, per video of a data set."""
    from vostool.predictions.folder import PredictionFolder
    from vostool.scoring.evaluate import compare
    from vostool.stages.predict.infer import InferenceSettings, infer

    choice = Selection(options.dataset, options.video_root, options.split, tuple(options.video))
    table = Table(title=f"J of bf16 masks against fp32 masks, {options.checkpoint.name}")
    for column in ("video", "masks", "mean J", "least J"):
        table.add_column(column, justify="left" if column == "video" else "right")
    with tempfile.TemporaryDirectory() as scratch:
        folders = []
        for precision in ("fp32", "bf16"):
            out = Path(scratch) / precision
            settings = InferenceSettings.of(precision=precision, device="cpu")
            infer([options.checkpoint], choice, Output(out), settings)
            folders.append(PredictionFolder(out))
        full, half = folders
        for video in full.videos():
            scores = []
            for frame in full.frames(video)[1:]:
                truth, found = full.mask(video, frame), half.mask(video, frame)
                ids = np.union1d(truth, found)
                scores += compare([found], [truth], ids[ids > 0].tolist()).j[0].tolist()
            mean, least = (np.mean(scores), np.min(scores)) if scores else (1.0, 1.0)
            table.add_row(video, str(len(scores)), f"{mean:.4f}", f"{least:.4f}")
    return table


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Options of this script."""
    parser = common_parser(__doc__, frames=3)
    add_timing_options(parser)
    parser.add_argument("--forms", nargs="*", choices=list(FORMS), default=list(DEFAULT_FORMS))
    parser.add_argument("--checkpoint", type=Path, help="compare masks of this trained network")
    parser.add_argument("--video-root", type=Path, help="folder of the data set with the video")
    parser.add_argument("--dataset", default="davis2016")
    parser.add_argument("--split", default="val")
    parser.add_argument("--video", action="append", default=[], help="only this video")
    options = parser.parse_args(arguments)
    if (options.checkpoint is None) != (options.video_root is None):
        parser.error("--checkpoint and --video-root go together")
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = parse_arguments(arguments)
    torch.set_num_threads(options.threads)
    console = Console(width=110)
    console.print(what_auto_chooses())
    if options.forms:
        timing, _ = take_turns(ways(options), options.frames, options.repeats, options.clock)
        console.print(speeds(timing, title(f"STM {options.network}", options)))
    if options.checkpoint is not None:
        console.print(agreement(options))


if __name__ == "__main__":
    main()
