"""The first frames of a video, really run: what a frame costs in time, and what stays in memory.

All objects are there from the first frame on, and every frame stays in memory, so that a few frames
show what later ones need.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, cast

import torch
from torch import nn

from vostool.core.memory_use import peak_memory
from vostool.core.types import Fate
from vostool.inference.engine import FrameResult, Member
from vostool.inference.run import Request, Run
from vostool.inference.source import FrameSource
from vostool.models import FrameViews, InputSpec, Prediction, Segmenter
from vostool.nn.memory import ObjectMemory

PARTS = ENCODE, SEGMENT, MEMORIZE = "encode", "segment", "memorize"


@dataclass(frozen=True)
class FrameCost:
    """Seconds of one frame.

    Attributes:
        whole: of everything.
        parts: of the networks' `encode`, `segment` and `memorize`.
    """

    whole: float
    parts: Mapping[str, float]

    @property
    def others(self) -> float:
        """Outside of the networks: reading, resizing, merging."""
        return max(0.0, self.whole - sum(self.parts.values()))


@dataclass(frozen=True)
class Trial:
    """What was measured.

    Attributes:
        frames: cost of each frame; before frame t, t frames are held in memory.
        peak: largest resident set of the process, bytes.
        gpu_peak: largest memory of a GPU's tensors, bytes; 0 without one.
        kept: bytes that a frame adds to what is known of the video, all networks and objects.
    """

    frames: tuple[FrameCost, ...]
    peak: int
    gpu_peak: int
    kept: int


def try_out(
    members: Sequence[Member],
    make_run: Callable[[Sequence[Member]], Run],
    source: FrameSource,
    write: Callable[[FrameResult], None],
    *,
    probabilities: bool = False,
) -> Trial:
    """Run networks over a few frames, at least four.

    Args:
        make_run: the run of some members.
        source: masks of all objects are given in its first frame.
        write: takes the results; its time is not counted, as it goes on beside the next frame.
    """
    watched = [_Eager(cast(nn.Module, item.segmenter)) for item in members]
    run = make_run(
        [
            replace(item, segmenter=cast(Segmenter, network))
            for item, network in zip(members, watched, strict=True)
        ]
    )
    # What is done at a network's first frame only, such as choosing kernels, is not counted.
    list(run(_First(source, 2), Request()))
    for network in watched:
        network.restart()
    on_gpu = torch.cuda.is_initialized()
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    costs, held = [], []
    before = time.perf_counter()
    for result in run(source, Request(probabilities)):
        now = time.perf_counter()
        parts = [network.take() for network in watched]
        together = {name: sum(part[name] for part in parts) for name in PARTS}
        costs.append(FrameCost(now - before, together))
        write(result)
        held.append(sum(network.held() for network in watched))
        before = time.perf_counter()
    # The last frame is not memorised; the first one may bring more than a frame, such as templates.
    kept = (held[-2] - held[0]) // (len(held) - 2)
    gpu = torch.cuda.max_memory_allocated() if on_gpu else 0
    return Trial(tuple(costs), peak_memory(), gpu, kept)


@dataclass(frozen=True)
class _First:
    """The first frames of a video."""

    source: FrameSource
    count: int

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def ids(self) -> Any:
        return self.source.ids

    def __len__(self) -> int:
        return min(self.count, len(self.source))

    def __iter__(self) -> Iterator[Any]:
        for _, frame in zip(range(self.count), self.source, strict=False):
            yield frame


class _Eager(nn.Module):
    """A network that keeps all it memorises; it is timed, and its states are looked at."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network
        self.input_spec = cast(InputSpec, network.input_spec)
        self.restart()

    def restart(self) -> None:
        """Forget what was measured."""
        self.states: list[Any] = []
        self.seconds = dict.fromkeys(PARTS, 0.0)

    def take(self) -> dict[str, float]:
        """Seconds of each part since this was asked last."""
        taken, self.seconds = self.seconds, dict.fromkeys(PARTS, 0.0)
        return taken

    def _timed(self, part: str, *arguments: Any) -> Any:
        begin = time.perf_counter()
        result = getattr(self.network, part)(*arguments)
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()
        self.seconds[part] += time.perf_counter() - begin
        return result

    def held(self) -> int:
        """Bytes of all states."""
        return sum(map(bytes_of, self.states))

    def start(self, max_memory: int | None = None) -> Any:
        """See `Segmenter.start`."""
        self.states.append(cast(Any, self.network).start(max_memory))
        return self.states[-1]

    def encode(self, frame: FrameViews) -> Any:
        """See `Segmenter.encode`."""
        return self._timed(ENCODE, frame)

    def segment(self, frame: FrameViews, features: Any, state: Any) -> Prediction:
        """See `Segmenter.segment`."""
        return cast(Prediction, self._timed(SEGMENT, frame, features, state))

    def memorize(
        self,
        frame: FrameViews,
        features: Any,
        probabilities: torch.Tensor,
        state: Any,
        fates: Sequence[Fate],
    ) -> None:
        """See `Segmenter.memorize`."""
        kept = [fate if fate is Fate.GIVEN else Fate.KEEP for fate in fates]
        self._timed(MEMORIZE, frame, features, probabilities, state, kept)


def bytes_of(state: Any) -> int:
    """Bytes of the tensors in a state, in dataclasses, lists, tuples and dictionaries."""
    if isinstance(state, torch.Tensor):
        return state.numel() * state.element_size()
    if isinstance(state, ObjectMemory):  # its buffers are larger than what they hold
        return sum(map(bytes_of, state.contents() or ()))
    if isinstance(state, (list, tuple)):
        return sum(map(bytes_of, state))
    if isinstance(state, dict):
        return sum(map(bytes_of, state.values()))
    if is_dataclass(state):
        return sum(bytes_of(getattr(state, item.name)) for item in fields(state))
    return 0
