"""One network in one video: tunes its copy whenever masks are given, and reports on it."""

from __future__ import annotations

import dataclasses
import logging
import time
import zlib
from typing import cast

import numpy as np

from vostool.inference.online_finetune.twin import Twin
from vostool.inference.prepare import prepare
from vostool.inference.run import Context, Report
from vostool.inference.sides import Sides
from vostool.inference.source import SourceFrame
from vostool.inference.trained import TrainedNetwork
from vostool.inference.view import View
from vostool.inference.views import group_views
from vostool.models import Segmenter
from vostool.training.finetuning.clips import GivenFrame
from vostool.training.finetuning.finetuner import Finetuner, FinetuneRun, TrainedWith
from vostool.training.finetuning.options import FinetuneOptions

NAME = "online_finetune"

log = logging.getLogger(__name__)


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


class Learner:
    """One network in one video.

    Args:
        trained: the network; it is not modified.
        twin: becomes the tuned copy.
        sides: of frames at scale 1.
        video: its name.
        number: of the network, which has random numbers of its own.
    """

    def __init__(
        self,
        trained: TrainedNetwork,
        twin: Twin,
        options: FinetuneOptions,
        context: Context,
        *,
        sides: Sides,
        video: str,
        number: int,
        report: Report,
    ):
        self._trained, self._twin, self._options = trained, twin, options
        self._context, self._report, self._video = context, report, video
        self._sides, self._untuned = sides, twin.network
        # Not from the order of videos, so that shards and resumed runs draw the same.
        entropy = (context.seed, zlib.crc32(video.encode()), number)
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
            ready = prepare(
                self._tuner.network,
                self._context.device,
                compile_parts=self._context.compile_parts,
            )
            self._twin.network = cast(Segmenter, ready)
        seconds = time.perf_counter() - start
        self._tell(frame.name, dataclasses.replace(run, seconds=seconds))

    def _tell(self, frame: str, run: FinetuneRun) -> None:
        name = self._trained.name
        self._report.add(NAME, {"network": name, "frame": frame, **run.as_json()})
        text = f"{self._video}, frame {frame}, {name}: {sentence(run)}"
        if run.failed:
            log.warning(f"{text}; the network is used as it was trained")
        else:
            log.debug(text)

    def _tune(self, frame: SourceFrame, given: np.ndarray) -> FinetuneRun:
        if self._tuner is None:
            self._tuner = Finetuner(
                self._trained.network,
                self._options,
                TrainedWith.of(self._trained.recipe),
                seed=self._seed,
                device=self._context.device,
                dtype=self._context.training_dtype,
            )
        return self._tuner.tune(
            self._as_seen(frame, given),
            lambda done, planned, loss: self._report.note(
                f"{self._video}: tuning {self._trained.name} {done}/{planned}, loss {loss:.3f}"
            ),
        )

    def _as_seen(self, frame: SourceFrame, given: np.ndarray) -> GivenFrame:
        """The frame as the network sees it at scale 1, of the size with which the video began."""
        self._size = self._size or (given.shape[0], given.shape[1])
        spec = self._twin.input_spec
        (group,) = group_views((View(),), self._size, spec, self._sides)
        return GivenFrame.at_size(
            frame.image, given, group.content, self._options.clips.least_pixels, group.padding
        )

    def restore(self) -> None:
        """Make the twin the network as it was trained, and forget the tuned copy."""
        self._twin.network, self._tuner = self._untuned, None
