"""What fine-tuning to a video costs beyond its iterations, and whether it waits for clips.

The same iterations are timed with clips that are at hand, and in a run as `infer --online-finetune`
makes them: with a thread that makes clips, checks on held-out warps, a copy of the network to tune,
and making the tuned copy ready. The first is what N iterations cost; the last row says how much
more a run of 200 iterations takes, wanted at most 5%. Few iterations suffice for that, because what
each part costs is measured by itself.

Example: `python benchmarks/bench_finetune.py --iterations 6`
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from _measure import (
    CLOCKS,
    machine,
    parse_size,
    positive,
    random_network,
    synthetic_image,
    synthetic_mask,
)
from rich.console import Console
from rich.table import Table
from torch import nn

from vostool.core.allocator import keep_freed_memory
from vostool.inference.prepare import prepare
from vostool.media.geometry import nearest_multiple
from vostool.training.config import LossOptions
from vostool.training.finetune_clips import FinetuneClips, GivenFrame
from vostool.training.finetune_options import FinetuneOptions
from vostool.training.finetuning import Finetuner, TrainedWith
from vostool.training.optimiser import train_mode

RUN = FinetuneOptions()
MOST_OVERHEAD = 0.05
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Cost:
    """Seconds of the parts of one repeat.

    Attributes:
        bare: of an iteration whose clip is at hand.
        iteration: of one in a run.
        waiting: of that, for its clip; always on the wall.
        check: of one check on held-out warps.
        once: of copying the network and making the tuned copy ready.
    """

    bare: float
    iteration: float
    waiting: float
    check: float
    once: float

    @property
    def overhead(self) -> float:
        """What a whole run takes beyond its iterations, as a part of these."""
        checks = 1 + RUN.iterations // RUN.check_every
        more = RUN.iterations * (self.iteration - self.bare) + checks * self.check + self.once
        return more / (RUN.iterations * self.bare)


def measure(network: nn.Module, frame: GivenFrame, iterations: int, clock: str) -> Cost:
    """One repeat."""
    now, trained = CLOCKS[clock], TrainedWith(LossOptions())
    options = FinetuneOptions(iterations=iterations, check_every=iterations + 1)
    start = now()
    tuner = Finetuner(network, options, trained, seed=0, device=CPU)
    begun = now()
    run = tuner.tune(frame)
    tuned = now()
    prepare(tuner.network, CPU)
    once = now() - tuned + begun - start
    bare = _bare(Finetuner(network, options, trained, seed=0, device=CPU), frame, iterations, now)
    checked = FinetuneOptions(iterations=1, check_every=1)
    run_checked = Finetuner(network, checked, trained, seed=0, device=CPU)
    start = now()
    wall = time.perf_counter()
    check = run_checked.tune(frame).check_seconds / 2
    share = (now() - start) / (time.perf_counter() - wall)
    waiting = run.data_seconds / iterations
    # Checks are timed on the wall; on the other clock they take the same part of their run.
    return Cost(bare, (tuned - begun) / iterations, waiting, check * share, once)


def _bare(tuner: Finetuner, frame: GivenFrame, iterations: int, now: Callable[[], float]) -> float:
    """Seconds of an iteration with clips that were made before."""
    clips = FinetuneClips([frame], RUN.clips, 0)
    made = [clips[number] for number in range(iterations)]
    parameters = [value for value in tuner.network.parameters() if value.requires_grad]
    optimiser = torch.optim.Adam(parameters, lr=RUN.learning_rate)
    train_mode(tuner.network)
    start = now()
    for clip in made:
        optimiser.zero_grad(set_to_none=True)
        loss = tuner.loss(clip)
        loss.backward()
        optimiser.step()
    return (now() - start) / iterations


def report(costs: Sequence[Cost], title: str) -> Table:
    """One row per part, medians over the repeats."""

    def median(name: str) -> float:
        return statistics.median(getattr(cost, name) for cost in costs)

    table = Table(title=title)
    for column in ("what", "seconds", "of an iteration", "wanted"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for name, words in (
        ("bare", "iteration, clips at hand"),
        ("iteration", "iteration in a run"),
        ("waiting", "of that, waiting for its clip"),
        ("check", "check on held-out warps"),
        ("once", "once: copying, making ready"),
    ):
        part = statistics.median(getattr(cost, name) / cost.bare for cost in costs)
        table.add_row(words, f"{median(name):.3f}", f"{part:.3f}", "")
    table.add_row(
        f"overhead of {RUN.iterations} iterations",
        "",
        f"{median('overhead'):.1%}",
        f"<= {MOST_OVERHEAD:.0%}",
    )
    return table


def _parser() -> argparse.ArgumentParser:
    keep_freed_memory()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=parse_size, default="480x854", help="HEIGHTxWIDTH of frames")
    parser.add_argument("--network", default="resnet50", help="timm network that is STM's trunk")
    parser.add_argument("--iterations", type=positive, default=6, help="of each way and repeat")
    parser.add_argument("--objects", type=positive, default=1)
    parser.add_argument("--repeats", type=positive, default=1)
    parser.add_argument("--threads", type=positive, default=1)
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="cpu")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    size = (nearest_multiple(options.size[0], 16), nearest_multiple(options.size[1], 16))
    frame = GivenFrame.at_size(
        synthetic_image(options.size, 0), synthetic_mask(options.size, options.objects), size, 16
    )
    network = random_network(options.network)
    costs = [
        measure(network, frame, options.iterations, options.clock) for _ in range(options.repeats)
    ]
    title = (
        f"STM {options.network}, {size[0]}x{size[1]}, {options.objects} object(s), clips of "
        f"{RUN.clips.frames} frames, {options.clock} time\n{machine()}"
    )
    Console(width=110).print(report(costs, title))


if __name__ == "__main__":
    main()
