"""Online fine-tuning in inference: each network runs as trained and, in step, tuned to the video.

Tuning happens while the engine asks for frames: a source hands a frame with new masks on only when
the networks have learned from it. So the engine knows nothing of it, and objects that appear late
are learned in the middle of the video, whose memory stays.
"""

from __future__ import annotations

import dataclasses
import logging
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from vostool.core.errors import UsageError
from vostool.inference.engine import Member
from vostool.inference.prepare import prepare
from vostool.inference.source import FrameSource, SourceFrame, check_frame
from vostool.inference.strategy import Strategy
from vostool.inference.twin import Twin
from vostool.media.geometry import nearest_multiple
from vostool.models import Segmenter
from vostool.training.finetuning.clips import GivenFrame
from vostool.training.finetuning.finetuner import (
    Finetuner,
    FinetuneRun,
    TrainedWith,
    can_be_tuned,
)
from vostool.training.finetuning.options import FinetuneOptions

log = logging.getLogger(__name__)

Note = Callable[[str], None]
"""Shows a few words on what is going on."""


@dataclass(frozen=True)
class TrainedNetwork:
    """A network of a checkpoint.

    Attributes:
        name: of the checkpoint and its folder, for messages.
        network: as it was trained.
        ready: the same, made ready for inference.
        recipe: of its training.
    """

    name: str
    network: nn.Module
    ready: nn.Module
    recipe: dict[str, Any]


@dataclass(frozen=True)
class Arithmetic:
    """Where and how networks run.

    Attributes:
        device, dtype, compile_parts: as in inference.
        short_side: of frames at scale 1, None for their own.
        seed: of everything drawn.
    """

    device: torch.device
    dtype: torch.dtype | None = None
    compile_parts: bool = False
    short_side: int | None = None
    seed: int = 0

    @property
    def training_dtype(self) -> torch.dtype | None:
        """fp16 would need its gradients scaled, so that fp32 takes its place."""
        return None if self.dtype is torch.float16 else self.dtype


class OnlineFinetuning:
    """Networks as trained, each joined by its twin that is tuned to the current video.

    Both have equal weight in the mean, under every memory strategy and view.

    Args:
        networks: of all checkpoints; they are not modified.
        strategies: memory strategies of each.
        options: how they are tuned.
        arithmetic: where and how.

    Attributes:
        members: for the engine; twins are the networks as trained outside of `tuning`.

    Raises:
        UsageError: a network has no training pass, or nothing to train.
    """

    def __init__(
        self,
        networks: Sequence[TrainedNetwork],
        strategies: tuple[Strategy, ...],
        options: FinetuneOptions,
        arithmetic: Arithmetic,
    ):
        for item in networks:
            if not can_be_tuned(item.network):
                raise UsageError(
                    f"{item.name} cannot be fine-tuned: its network has no training pass",
                    remedy="leave --online-finetune out, or give the network a forward(clip)",
                )
        self._networks, self._options, self._arithmetic = tuple(networks), options, arithmetic
        self.twins = [Twin(item.ready) for item in networks]
        self.members: list[Member] = []
        for item, twin in zip(networks, self.twins, strict=True):
            self.members.append(Member(cast(Segmenter, item.ready), strategies))
            self.members.append(Member(twin, strategies))

    @contextmanager
    def tuning(
        self, source: FrameSource, about: dict[str, Any], note: Note
    ) -> Iterator[FrameSource]:
        """The source that tunes the twins on the way; on leaving they are as trained again.

        Args:
            about: gets what was done under "online_finetune".
            note: shows progress.
        """
        runs: list[dict[str, Any]] = about.setdefault("online_finetune", [])

        def report(name: str, frame: str, run: FinetuneRun) -> None:
            runs.append({"network": name, "frame": frame, **run.as_json()})
            text = f"{source.name}, frame {frame}, {name}: {sentence(run)}"
            if run.failed:
                log.warning(f"{text}; the network is used as it was trained")
            else:
                log.debug(text)

        learners = [
            _Learner(item, twin, self._options, self._arithmetic, source.name, number, note, report)
            for number, (item, twin) in enumerate(zip(self._networks, self.twins, strict=True))
        ]
        try:
            yield _TuningSource(source, learners)
        finally:
            for learner in learners:
                learner.restore()


def sentence(run: FinetuneRun) -> str:
    """What a run did, in words."""
    words = f"tuned for {run.iterations} iterations in {run.seconds:.1f} s"
    if run.iterations:
        words += f" (waited {run.data_seconds:.1f} s for clips)"
    if run.first_loss is not None and run.last_loss is not None:
        words += f", loss {run.first_loss:.4f} -> {run.last_loss:.4f}"
    if len(run.held_out) > 1:
        words += f", held out {run.held_out[0]:.4f} -> {run.held_out[-1]:.4f}"
    return f"{words}: {run.ending.value}"


class _Learner:
    """One network in one video."""

    def __init__(
        self,
        trained: TrainedNetwork,
        twin: Twin,
        options: FinetuneOptions,
        arithmetic: Arithmetic,
        video: str,
        number: int,
        note: Note,
        report: Callable[[str, str, FinetuneRun], None],
    ):
        self._trained, self._twin, self._options = trained, twin, options
        self._arithmetic, self._note, self._report = arithmetic, note, report
        self._video = video
        # Not from the order of videos, so that shards and resumed runs draw the same.
        entropy = (arithmetic.seed, zlib.crc32(video.encode()), number)
        self._seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        self._tuner: Finetuner | None = None
        self._size: tuple[int, int] | None = None
        self._failed = False

    def learn(self, frame: SourceFrame, given: np.ndarray) -> None:
        """Tune to the objects given in a frame, and let the twin be the result."""
        if self._failed:
            return
        start = time.perf_counter()
        run = self._tune(frame, given)
        self._failed = run.failed
        if run.failed:
            self.restore()
        elif run.iterations:
            assert self._tuner is not None
            self._twin.network = prepare(
                self._tuner.network,
                self._arithmetic.device,
                compile_parts=self._arithmetic.compile_parts,
            )
        seconds = time.perf_counter() - start
        self._report(self._trained.name, frame.name, dataclasses.replace(run, seconds=seconds))

    def _tune(self, frame: SourceFrame, given: np.ndarray) -> FinetuneRun:
        if self._tuner is None:
            self._tuner = Finetuner(
                self._trained.network,
                self._options,
                TrainedWith.of(self._trained.recipe),
                seed=self._seed,
                device=self._arithmetic.device,
                dtype=self._arithmetic.training_dtype,
            )
        self._size = self._size or self._network_size(given.shape[0], given.shape[1])
        least = self._options.clips.least_pixels
        example = GivenFrame.at_size(frame.image, given, self._size, least)
        return self._tuner.tune(
            example,
            lambda done, planned, loss: self._note(
                f"{self._video}: tuning {self._trained.name} {done}/{planned}, loss {loss:.3f}"
            ),
        )

    def _network_size(self, height: int, width: int) -> tuple[int, int]:
        """What the network sees of a frame at scale 1, to the next multiple of its stride."""
        factor = (self._arithmetic.short_side or min(height, width)) / min(height, width)
        stride = self._twin.input_spec.stride
        return nearest_multiple(height * factor, stride), nearest_multiple(width * factor, stride)

    def restore(self) -> None:
        """Make the twin the network as it was trained, and forget the tuned copy."""
        self._twin.network, self._tuner = self._trained.ready, None


class _TuningSource:
    """A source that has the networks learn from each frame before it hands the frame on.

    Only in the first pass over the video: later ones, of crop-then-zoom, find them tuned to all
    objects.
    """

    def __init__(self, source: FrameSource, learners: Sequence[_Learner]):
        self._source, self._learners = source, learners
        self.name, self.ids = source.name, source.ids
        self._first_pass = True

    def __len__(self) -> int:
        return len(self._source)

    def __iter__(self) -> Iterator[SourceFrame]:
        learning, self._first_pass = self._first_pass, False
        known: set[int] = set()
        for index, frame in enumerate(self._source):
            new = self._new_objects(frame, known) if learning else None
            # The last frame of a video is not segmented once its own masks are put in.
            if new is not None and index + 1 < len(self._source):
                check_frame(frame, self.name)
                for learner in self._learners:
                    learner.learn(frame, new)
            yield frame

    def _new_objects(self, frame: SourceFrame, known: set[int]) -> np.ndarray | None:
        """uint8 `[H, W]` ids of the objects that a frame is the first to give, or None."""
        if frame.given is None:
            return None
        new = set(np.unique(frame.given).tolist()) & set(self.ids.values) - known
        known |= new
        return np.where(np.isin(frame.given, list(new)), frame.given, 0) if new else None
