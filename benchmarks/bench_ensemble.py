"""What an ensemble costs in step, against its members run one by one and averaged afterwards.

FAMNet with two trunks x views (flipped and plain at each scale) x three memory strategies: 24
members. In step, a frame is encoded once per trunk and group of views, whatever the number of
strategies, and nothing outlives its frame. The separate runs have one trunk, one view and one
strategy each; they keep their probabilities in memory as bytes and are then averaged, so that time
for disks is not counted. Both go through the same frames and take turns frame by frame. All
strategies memorise every frame, under one limit: in steady state each member costs the same.

Example: `python benchmarks/bench_ensemble.py --size 240x427 --frames 1`
"""

from __future__ import annotations

import argparse
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from _measure import (
    Timing,
    add_timing_options,
    common_parser,
    measured_video,
    positive,
    random_network,
    run_mid_video,
    take_turns,
    title,
)
from rich.console import Console
from rich.table import Table
from torch import nn

from vostool.ensembling.running_mean import RunningMean
from vostool.inference.prepare import prepare
from vostool.inference.propagation_options import PropagationOptions
from vostool.inference.source import FrameSource
from vostool.inference.view import parse_views
from vostool.models.systems import famnet
from vostool.predictions.quantise import STEP, from_uint8, to_uint8

STRATEGIES = ("every:5", "every:3", "early:1,5")
IN_STEP, SEPARATE = "in step", "separate runs"
WANTED = 0.65
"""Most that the ensemble in step may cost, in times of its separate runs."""


def in_step(
    networks: Sequence[nn.Module], video: FrameSource, held: int, views: str
) -> Iterator[np.ndarray]:
    """Yield the probabilities `[N+1, H, W]` of every frame, all members in one run."""
    options = PropagationOptions(views=views, short_side=None)
    for result in run_mid_video(networks, video, held, STRATEGIES, options, probabilities=True):
        yield result.probabilities.numpy()


def separate(
    networks: Sequence[nn.Module], video: FrameSource, held: int, views: str
) -> Iterator[np.ndarray]:
    """Yield the mean probabilities `[N+1, H, W]` of every frame, of one run per member."""
    runs = [
        run_mid_video(
            [network],
            video,
            held,
            [strategy],
            PropagationOptions(views=(view,), short_side=None),
            probabilities=True,
        )
        for network, view, strategy in itertools.product(networks, parse_views(views), STRATEGIES)
    ]
    for _ in range(len(video)):
        saved = [to_uint8(next(run).probabilities) for run in runs]
        mean = RunningMean()
        for volume in saved:
            mean.add(torch.from_numpy(from_uint8(volume)))
        yield mean.mean().numpy()


def ways(options: argparse.Namespace) -> dict[str, Callable[[], Iterator[np.ndarray]]]:
    """How to start each of the two."""
    cpu = torch.device("cpu")
    networks = [prepare(random_network(trunk, famnet), cpu) for trunk in options.networks]
    arguments = (networks, measured_video(options, options.objects), options.memory, options.views)
    return {
        IN_STEP: functools.partial(in_step, *arguments),
        SEPARATE: functools.partial(separate, *arguments),
    }


def report(timing: Timing, results: dict[str, list], heading: str) -> Table:
    """One row for each of the two."""
    table = Table(title=heading)
    for column in ("what", "s per frame", "ratio", "wanted", "difference in 1/255"):
        table.add_column(column, justify="left" if column == "what" else "right")
    pairs = zip(results[IN_STEP], results[SEPARATE], strict=True)
    difference = max(float(np.abs(one - other).max()) for one, other in pairs) / STEP
    ratio = timing.ratio(IN_STEP, SEPARATE)
    table.add_row(SEPARATE, f"{timing.median(SEPARATE):.2f}", "", "", "")
    row = (f"{timing.median(IN_STEP):.2f}", f"{ratio:.2f}", f"<= {WANTED}", f"{difference:.2f}")
    table.add_row(IN_STEP, *row)
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = common_parser(__doc__, frames=1, size="240x427", network=None)
    add_timing_options(parser)
    parser.add_argument(
        "--networks", nargs="+", default=["resnet50", "resnext50_32x4d"], help="FAMNet's trunks"
    )
    parser.add_argument("--views", default="flip,0.75,1.0", help="as --tta of infer")
    parser.add_argument("--objects", type=positive, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    timing, results = take_turns(ways(options), options.frames, options.repeats, options.clock)
    count = len(options.networks) * len(parse_views(options.views)) * len(STRATEGIES)
    objects = "1 object" if options.objects == 1 else f"{options.objects} objects"
    what = f"{count} members of FAMNet {' and '.join(options.networks)}, {objects}"
    Console(width=110).print(report(timing, results, title(what, options)))


if __name__ == "__main__":
    main()
