"""What the zoomed pass of crop-then-zoom costs, against the preliminary pass over whole frames.

The same network goes through synthetic frames and through the window of one small object, as
crop-then-zoom enlarges it; both have the same memory, frame for frame, and take turns. The cost per
frame should follow the pixels that the network sees: the last column is the ratio of times over the
ratio of pixels, wanted at most 1.2.

Example: `python benchmarks/bench_crop_zoom.py --frames 3`
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from _measure import (
    Timing,
    add_timing_options,
    common_parser,
    measured_video,
    random_network,
    run_mid_video,
    synthetic_mask,
    take_turns,
    title,
)
from rich.console import Console
from rich.table import Table
from torch import nn

from vostool.core.types import ObjectIds
from vostool.inference.crop_zoom.options import CropZoomOptions
from vostool.inference.crop_zoom.window import Zoom, windows
from vostool.inference.crop_zoom.zoomed_source import ZoomedSource
from vostool.inference.prepare import prepare
from vostool.inference.source import ArraySource, FrameSource
from vostool.media.boxes import Box

WHOLE = "whole frames"
SIDES = (24, 60, 120)
"""Sides of the objects, in pixels of a frame that is 480 high."""


def zoomed_video(video: ArraySource, side: int) -> ZoomedSource:
    """The window around a square object in the middle of the video."""
    height, width = video.images[0].shape[:2]
    box = Box((width - side) / 2, (height - side) / 2, side, side)
    scale = height / 480
    options = CropZoomOptions(
        least_height=max(16, round(96 * scale)),
        zoom_height=max(16, round(384 * scale)),
        zoom_width=max(16, round(640 * scale)),
    )
    zoom = Zoom.plan((side, side), (height, width), options)
    count = len(video)
    corners = windows([box] * count, [(height, width)] * count, zoom.window, options.smoothing)
    mask = synthetic_mask((height, width), 1) * 0
    mask[int(box.y) : int(box.y) + side, int(box.x) : int(box.x) + side] = 1
    return ZoomedSource(video, ObjectIds((1,)), 0, corners, zoom, {0: mask})


def propagate(network: nn.Module, video: FrameSource, held: int) -> Iterator[object]:
    """Results of a video."""
    return run_mid_video([network], video, held, probabilities=True)


def report(timing: Timing, pixels: dict[str, int], heading: str) -> Table:
    """One row per object size."""
    table = Table(title=heading)
    for column in ("what", "network pixels", "s per frame", "pixels", "time", "time / pixels"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for name, count in pixels.items():
        ratio = timing.ratio(name, WHOLE)
        share = count / pixels[WHOLE]
        table.add_row(
            name,
            f"{count}",
            f"{timing.median(name):.3f}",
            f"{share:.2f}",
            f"{ratio:.2f}",
            f"{ratio / share:.2f}",
        )
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = common_parser(__doc__, frames=3)
    add_timing_options(parser)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    network = prepare(random_network(options.network), torch.device("cpu"))
    video = measured_video(options, 1)
    videos: dict[str, FrameSource] = {WHOLE: video}
    pixels = {WHOLE: options.size[0] * options.size[1]}
    for side in SIDES:
        zoomed = zoomed_video(video, max(2, round(side * options.size[0] / 480)))
        name = f"window of an object of {side} pixels"
        videos[name] = zoomed
        pixels[name] = zoomed.zoom.seen_as[0] * zoomed.zoom.seen_as[1]
    ways = {
        name: (lambda source=source: propagate(network, source, options.memory))
        for name, source in videos.items()
    }
    timing, _ = take_turns(ways, options.frames, options.repeats, options.clock)
    heading = title(f"STM {options.network}, one object", options)
    Console(width=110).print(report(timing, pixels, heading))


if __name__ == "__main__":
    main()
