"""What the benchmarks of propagation share: networks, synthetic video, clocks, taking turns."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import torch
from torch import nn

from vostool.core.allocator import keep_freed_memory
from vostool.core.types import Fate
from vostool.inference.engine import FrameResult, Member, run_video
from vostool.inference.propagation_options import PropagationOptions
from vostool.inference.source import ArraySource, FrameSource
from vostool.inference.strategy import parse_strategies
from vostool.models.systems import stm

CLOCKS: dict[str, Callable[[], float]] = {"cpu": time.process_time, "wall": time.perf_counter}
WARM_UP = 2
"""Frames that are not counted: setting up, and kernels that are seen for the first time."""
SPACING = 5
"""Frames between two memories that are filled in ahead, as with every:5."""


def common_parser(
    description: str | None, frames: int, size: str = "480x854", network: str | None = "resnet50"
) -> argparse.ArgumentParser:
    """Options that all of these benchmarks have; memory is kept as the command line keeps it.

    Args:
        network: default of --network; None leaves the option out.
    """
    keep_freed_memory()
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=parse_size, default=size, help="HEIGHTxWIDTH of frames")
    parser.add_argument("--frames", type=positive, default=frames, help="frames measured")
    if network is not None:
        parser.add_argument("--network", default=network, help="timm network that is STM's trunk")
    parser.add_argument("--threads", type=positive, default=1)
    return parser


def add_timing_options(parser: argparse.ArgumentParser) -> None:
    """Options of the benchmarks that measure time."""
    parser.add_argument("--repeats", type=positive, default=1, help="times the frames are run")
    parser.add_argument("--memory", type=at_least_two, default=8, help="permanent frames held")
    parser.add_argument(
        "--clock",
        choices=sorted(CLOCKS),
        default="cpu",
        help="cpu is not disturbed by others; use wall with several threads",
    )


def positive(text: str) -> int:
    """A whole number of at least one."""
    return _at_least(text, 1)


def at_least_two(text: str) -> int:
    """A whole number of at least two."""
    return _at_least(text, 2)


def _at_least(text: str, least: int) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least {least}")
    return int(text)


def parse_size(text: str) -> tuple[int, int]:
    """`480x854` -> (480, 854)."""
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdecimal() and int(part) >= 32 for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 480x854, at least 32x32")
    return int(parts[0]), int(parts[1])


def random_network(trunk: str, kind: ModuleType = stm, **values: int) -> nn.Module:
    """STM (or another module's network) without trained weights, in eval mode.

    Its BatchNorms are not the identity.
    """
    torch.manual_seed(0)
    network = kind.build(kind.Config(backbone=trunk, weights="none", **values))
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.uniform_(module.weight, 0.3, 0.7)
            nn.init.normal_(module.bias, 0, 0.1)
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return network.eval().requires_grad_(False)


def synthetic_image(size: tuple[int, int], index: int) -> np.ndarray:
    """uint8 `[H, W, 3]`: a coloured texture that moves a few pixels per frame."""
    rows, columns = np.mgrid[: size[0], : size[1]].astype(np.float32)
    waves = [
        np.sin((rows + 3 * index) / (11 + 7 * channel)) * np.cos((columns - 2 * index) / 17)
        for channel in range(3)
    ]
    return np.uint8(127.5 + 127 * np.stack(waves, axis=-1))


def synthetic_mask(size: tuple[int, int], objects: int) -> np.ndarray:
    """uint8 `[H, W]`: boxes side by side, with ids 1..objects."""
    mask = np.zeros(size, np.uint8)
    width = size[1] // (objects + 1)
    for row in range(1, objects + 1):
        left = (2 * row - 1) * width // 2
        mask[size[0] // 4 : size[0] // 2, left : left + (3 * width) // 4] = row
    return mask


def synthetic_video(size: tuple[int, int], frames: int, objects: int) -> ArraySource:
    """A video in memory, the masks of all objects given in its first frame."""
    images = [synthetic_image(size, index) for index in range(frames)]
    return ArraySource("synthetic", images, {0: synthetic_mask(size, objects)})


def measured_video(options: argparse.Namespace, objects: int) -> ArraySource:
    """A video of the length that `take_turns` needs: the last frame would not be memorised."""
    return synthetic_video(options.size, options.frames + WARM_UP + 1, objects)


def fill(key: torch.Tensor, value: torch.Tensor, frames: int) -> list[tuple]:
    """(time, key, value) of memories before the first frame: moved copies of it, all different."""
    return [
        (-SPACING * back, key.roll(back, dims=1), value.roll(back, dims=1))
        for back in range(1, frames)
    ]


class MidVideo(nn.Module):
    """A network that finds its memory as full as in the middle of a video.

    After the first frame every object's memory holds `frames` permanent frames, so that each
    measured frame costs what it costs in the steady state.
    """

    def __init__(self, network: nn.Module, frames: int):
        super().__init__()
        self.network, self.frames = network, frames
        self.input_spec = network.input_spec
        self.encode, self.start, self.segment = network.encode, network.start, network.segment

    def memorize(self, frame, features, probabilities, state, fates) -> None:
        """See `Segmenter.memorize`."""
        self.network.memorize(frame, features, probabilities, state, fates)
        for item in state.objects:
            if frame.time == 0 and len(item.permanent) == 1:
                key, value = (tensor.clone() for tensor in item.contents())
                for moment, old_key, old_value in fill(key, value, self.frames):
                    item.write(old_key, old_value, Fate.KEEP, moment)


def run_mid_video(
    networks: Sequence[nn.Module],
    video: FrameSource,
    held: int,
    strategies: Sequence[str] = ("every:5",),
    options: PropagationOptions | None = None,
    *,
    dtype: torch.dtype | None = None,
    probabilities: bool = False,
) -> Iterator[FrameResult]:
    """Results of a video, networks in step, each memory holding `held` permanent frames."""
    chosen = parse_strategies(strategies)
    members = [Member(MidVideo(network, held), chosen) for network in networks]
    own_size = {"max_memory": held, "short_side": None}
    limited = (options or PropagationOptions()).model_copy(update=own_size)
    return run_video(video, members, limited, dtype=dtype, probabilities=probabilities)


@dataclass(frozen=True)
class Timing:
    """Seconds per frame of several ways that took turns, `[repeats x frames]` each."""

    seconds: Mapping[str, list[float]]

    def median(self, name: str) -> float:
        """Median seconds per frame."""
        return statistics.median(self.seconds[name])

    def ratio(self, name: str, base: str) -> float:
        """Median, over the turns, of how many times longer `name` took than `base`."""
        pairs = zip(self.seconds[name], self.seconds[base], strict=True)
        return statistics.median(one / other for one, other in pairs)


def take_turns(
    ways: Mapping[str, Callable[[], Iterator[object]]], frames: int, repeats: int, clock: str
) -> tuple[Timing, dict[str, list[object]]]:
    """Run ways through their videos in step, one frame each in turn, and time every frame.

    A machine that becomes slower meanwhile becomes so for all. The first `WARM_UP` frames of each
    video are not counted.

    Returns:
        times, and what each way gave for each counted frame of the last repeat.
    """
    now = CLOCKS[clock]
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    results: dict[str, list[object]] = {}
    for _ in range(repeats):
        runs = {name: iter(start()) for name, start in ways.items()}
        results = {name: [] for name in ways}
        for index in range(frames + WARM_UP):
            for name, run in runs.items():
                begin = now()
                result = next(run)
                if index >= WARM_UP:
                    seconds[name].append(now() - begin)
                    results[name].append(result)
    return Timing(seconds), results


def measure_rows(
    description: str,
    rows: Sequence[str],
    ways: Callable[[argparse.Namespace, Sequence[str]], dict[str, Callable[[], Iterator]]],
    arguments: Sequence[str] | None,
) -> tuple[argparse.Namespace, Timing, dict[str, list]]:
    """Read the command line of a script whose table has a row per way; run the rows asked for."""
    parser = common_parser(description, frames=3)
    add_timing_options(parser)
    parser.add_argument("--rows", nargs="+", choices=list(rows), default=list(rows))
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    chosen = ways(options, options.rows)
    return options, *take_turns(chosen, options.frames, options.repeats, options.clock)


def title(what: str, options: argparse.Namespace) -> str:
    """Title of a table of times: what was run, at which size, on what."""
    height, width = options.size
    return (
        f"{what}, {height}x{width}, {options.memory} + 1 frames in memory, "
        f"{options.clock} time\n{machine()}"
    )


def machine() -> str:
    """Processor, for the title of a table."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            name = next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        name = "unknown processor"
    return f"{name}, {torch.get_num_threads()} thread(s), torch {torch.__version__}"
