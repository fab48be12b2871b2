"""What fine-tuning to a video costs beyond its iterations, and whether it waits for clips.

Iterations whose clips are at hand take turns with those of a run as `infer --online-finetune` makes
them, with a thread that makes clips. A check on held-out warps, making a clip, and what is done
once per video are timed by themselves, so that a few iterations suffice. The last row is what a run
of 200 iterations takes beyond them, wanted at most 5%; clips never keep it waiting where making one
takes less than an iteration.

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
from vostool.training.finetuning.clips import FinetuneClips, GivenFrame
from vostool.training.finetuning.finetuner import Finetuner, TrainedWith
from vostool.training.finetuning.options import FinetuneOptions
from vostool.training.optimisation.optimiser import train_mode

RUN = FinetuneOptions()
MOST_OVERHEAD = 0.05
WARM_UP = 2
"""Turns that are not counted: kernels and memory seen for the first time."""
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Cost:
    """Seconds of the parts.

    Attributes:
        bare: of each iteration whose clip is at hand.
        iteration: of each one in a run, in turn with those.
        clip: of making one, in the thread.
        check: of one check on held-out warps.
        once: of copying the network and making the tuned copy ready.
        waiting: in the whole run, for clips; always on the wall.
    """

    bare: Sequence[float]
    iteration: Sequence[float]
    clip: float
    check: float
    once: float
    waiting: float

    @property
    def base(self) -> float:
        """Median of the bare iterations."""
        return statistics.median(self.bare)

    @property
    def ratio(self) -> float:
        """Median, over the turns, of how many times longer an iteration takes in a run."""
        return statistics.median(
            one / other for one, other in zip(self.iteration, self.bare, strict=True)
        )

    @property
    def overhead(self) -> float:
        """What a whole run takes beyond its iterations, as a part of these."""
        checks = 1 + RUN.iterations // RUN.check_every
        single = checks * self.check + self.once + self.waiting
        return self.ratio - 1 + single / (RUN.iterations * self.base)


class _Turns:
    """After each iteration of a run does one of another tuner, and times both."""

    def __init__(self, other: Finetuner, clips: FinetuneClips, now: Callable[[], float]):
        self._other, self._now = other, now
        parameters = [value for value in other.network.parameters() if value.requires_grad]
        self._optimiser = torch.optim.Adam(parameters, lr=RUN.learning_rate)
        start = now()
        self._clip = clips[0]
        self.clip = now() - start
        self.bare: list[float] = []
        self.iteration: list[float] = []
        self._last = now()

    def __call__(self, done: int, planned: int, loss: float) -> None:
        """Of `Finetuner.tune`."""
        begin = self._now()
        self.iteration.append(begin - self._last)
        train_mode(self._other.network)
        self._optimiser.zero_grad(set_to_none=True)
        value = self._other.loss(self._clip)
        float(value.detach())
        value.backward()
        self._optimiser.step()
        self._last = self._now()
        self.bare.append(self._last - begin)


def measure(network: nn.Module, frame: GivenFrame, iterations: int, clock: str) -> Cost:
    """All parts."""
    now, trained = CLOCKS[clock], TrainedWith.of({})

    def tuner(count: int, check_every: int) -> Finetuner:
        options = FinetuneOptions(iterations=count, check_every=check_every)
        return Finetuner(network, options, trained, seed=0, device=CPU)

    total = iterations + WARM_UP
    turns = _Turns(tuner(1, 2), FinetuneClips([frame], RUN.clips, 0), now)
    start = now()
    item = tuner(total, total + 1)
    once = now() - start
    waiting = item.tune(frame, turns).data_seconds
    start = now()
    prepare(item.network, CPU)
    once += now() - start
    start, wall = now(), time.perf_counter()
    checked = tuner(1, 1).tune(frame).check_seconds / 2
    # Checks are timed on the wall; on the other clock they take the same part of their run.
    check = checked * (now() - start) / (time.perf_counter() - wall)
    bare, iteration = turns.bare[WARM_UP:], turns.iteration[WARM_UP:]
    return Cost(bare, iteration, turns.clip, check, once, waiting)


def report(cost: Cost, title: str) -> Table:
    """One row per part."""
    table = Table(title=title)
    for column in ("what", "seconds", "of an iteration", "wanted"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for words, seconds, part, wanted in (
        ("iteration, clips at hand", cost.base, 1.0, ""),
        ("iteration in a run", statistics.median(cost.iteration), cost.ratio, ""),
        ("making a clip, in a thread", cost.clip, cost.clip / cost.base, "< 1"),
        ("waiting for clips, whole run", cost.waiting, cost.waiting / cost.base, ""),
        ("check on held-out warps", cost.check, cost.check / cost.base, ""),
        ("once: copying, making ready", cost.once, cost.once / cost.base, ""),
    ):
        table.add_row(words, f"{seconds:.3f}", f"{part:.3f}", wanted)
    words = f"overhead of {RUN.iterations} iterations"
    table.add_row(words, "", f"{cost.overhead:.1%}", f"<= {MOST_OVERHEAD:.0%}")
    return table


def _parser() -> argparse.ArgumentParser:
    keep_freed_memory()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=parse_size, default="480x854", help="HEIGHTxWIDTH of frames")
    parser.add_argument("--network", default="resnet50", help="timm network that is STM's trunk")
    parser.add_argument("--iterations", type=positive, default=6, help="measured, of each way")
    parser.add_argument("--objects", type=positive, default=1)
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
    cost = measure(network, frame, options.iterations, options.clock)
    title = (
        f"STM {options.network}, {size[0]}x{size[1]}, {options.objects} object(s), clips of "
        f"{RUN.clips.frames} frames, {options.clock} time\n{machine()}"
    )
    Console(width=110).print(report(cost, title))


if __name__ == "__main__":
    main()
