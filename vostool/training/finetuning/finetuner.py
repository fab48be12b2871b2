"""Online fine-tuning: a copy of a trained network learns the objects of one video.

SCMN (Zhang et al., DAVIS 2020 challenge) fine-tunes on each test video without saying how; the
values here are this project's reading.
"""

from __future__ import annotations

import copy
import enum
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from vostool.core.types import Clip
from vostool.nn.precision import autocast
from vostool.training.finetuning.clips import FinetuneClips, GivenFrame
from vostool.training.finetuning.made_ahead import MadeAhead
from vostool.training.finetuning.options import FinetuneOptions
from vostool.training.finetuning.trained_parts import choose_parameters
from vostool.training.loss import Moment
from vostool.training.objective import SUM, Objective, objective_of
from vostool.training.optimisation.optimiser import train_mode

AVERAGED = 10
"""Iterations that the first and the last loss of a run are means over."""
HELD_OUT_NUMBERS = 2**32
"""Numbers of held-out clips begin here, those of training clips at 0."""

OnStep = Callable[[int, int, float], None]
"""Called with iterations done, iterations planned, and the loss."""


class Ending(enum.Enum):
    """Why a run ended."""

    DONE = "all iterations done"
    ROSE = "held-out loss rose"
    NO_OBJECT = "no object is large enough"
    NOT_FINITE = "loss is not finite"
    OUT_OF_MEMORY = "out of memory"


@dataclass(frozen=True)
class FinetuneRun:
    """What one run did.

    Attributes:
        ending: why it ended.
        iterations: optimiser steps done.
        seconds: time it took, everything included.
        data_seconds: of these, spent waiting for clips.
        check_seconds: of these, spent on held-out warps.
        losses: of each iteration.
        held_out: mean loss on the held-out warps before the first step, and at each check; empty
            for a run that is too short for one.
    """

    ending: Ending
    iterations: int = 0
    seconds: float = 0.0
    data_seconds: float = 0.0
    check_seconds: float = 0.0
    losses: tuple[float, ...] = ()
    held_out: tuple[float, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether the tuned weights must not be used."""
        return self.ending in (Ending.NOT_FINITE, Ending.OUT_OF_MEMORY)

    @property
    def first_loss(self) -> float | None:
        """Mean over the first iterations."""
        return _mean(self.losses[:AVERAGED])

    @property
    def last_loss(self) -> float | None:
        """Mean over the last iterations."""
        return _mean(self.losses[-AVERAGED:])

    def as_json(self) -> dict[str, Any]:
        """Its figures; None for what is not finite, which JSON cannot hold."""
        return {
            "ending": self.ending.value,
            "iterations": self.iterations,
            "seconds": round(self.seconds, 3),
            "data_seconds": round(self.data_seconds, 3),
            "check_seconds": round(self.check_seconds, 3),
            "first_loss": _rounded(self.first_loss),
            "last_loss": _rounded(self.last_loss),
            "held_out": [_rounded(value) for value in self.held_out],
        }


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 6)


def can_be_trained(network: object) -> bool:
    """Whether a network has the training pass and something to train."""
    return (
        isinstance(network, nn.Module)
        and type(network).forward is not nn.Module.forward
        and any(True for _ in network.parameters())
    )


@dataclass(frozen=True)
class TrainedWith:
    """What a network's own training says about its tuning.

    Attributes:
        objective: of its recipe.
        iterations: at which the schedules inside the losses ended.
    """

    objective: Objective
    iterations: int = 0

    @classmethod
    def of(cls, recipe: dict[str, Any]) -> TrainedWith:
        """From a checkpoint's recipe; plain cross-entropy where that has no losses."""
        iterations = int(recipe.get("loop", {}).get("iterations", 0))
        return cls(objective_of(recipe.get("losses", {})), iterations)


class Finetuner:
    """Tunes a copy of a network to one video, each time that masks are given in it.

    Args:
        network: a Segmenter that is an `nn.Module`; it is not modified.
        options: how.
        trained: its losses.
        seed: decides all clips and random numbers inside the network.
        device: where the copy is and trains.
        dtype: for autocast, None for fp32.

    Attributes:
        network: the copy, in eval mode between runs.
    """

    def __init__(
        self,
        network: nn.Module,
        options: FinetuneOptions,
        trained: TrainedWith,
        *,
        seed: int,
        device: torch.device,
        dtype: torch.dtype | None = None,
    ):
        self.network = copy.deepcopy(network).to(device).eval()
        self._options, self._trained, self._seed = options, trained, seed
        self._device, self._dtype = device, dtype
        self._parameters = choose_parameters(self.network, options.trunk)
        self._frames: list[GivenFrame] = []
        self._number = 0

    def tune(self, frame: GivenFrame, on_step: OnStep | None = None) -> FinetuneRun:
        """Learn from one more frame. After a run that failed the copy is of no use any more."""
        if not frame.ids:
            return FinetuneRun(Ending.NO_OBJECT)
        planned = self._options.late_iterations if self._frames else self._options.iterations
        self._frames.append(frame)
        if not planned:
            return FinetuneRun(Ending.DONE)
        clips = FinetuneClips(self._frames, self._options.clips, self._seed)
        numbers = range(self._number, self._number + planned)
        self._number += planned
        devices = [self._device] if self._device.type == "cuda" else []
        with (
            torch.random.fork_rng(devices),
            torch.inference_mode(False),
            torch.enable_grad(),
            MadeAhead(clips.__getitem__, numbers) as ahead,
        ):
            torch.manual_seed(self._seed + numbers.start)
            run = _Run(self, clips, ahead, planned, on_step)
            try:
                return run.go()
            except torch.OutOfMemoryError:
                return run.result(Ending.OUT_OF_MEMORY)
            finally:
                self.network.eval()

    def loss(self, clip: Clip) -> torch.Tensor:
        """The loss of the network's training."""
        clip = clip.to(self._device)
        with autocast(self._device, self._dtype):
            prediction = self.network(clip)
        trained = self._trained
        end = Moment(trained.iterations, trained.iterations)
        return trained.objective(prediction, clip, end)[SUM]


def _held_out(clips: FinetuneClips, first: int, options: FinetuneOptions) -> list[Clip]:
    """Clips of two frames, the second one being a warp of the first."""
    short = FinetuneClips(clips.frames, options.clips.model_copy(update={"frames": 2}), clips.seed)
    return [short[first + k] for k in range(options.held_out)]


class _Run:
    """One run of a `Finetuner`."""

    def __init__(
        self,
        tuner: Finetuner,
        clips: FinetuneClips,
        ahead: MadeAhead,
        planned: int,
        on_step: OnStep | None,
    ):
        self._tuner, self._ahead, self._planned = tuner, ahead, planned
        self._options, self._on_step = tuner._options, on_step
        self._start = time.perf_counter()
        self._checking = 0.0
        self._losses: list[float] = []
        self._held_out_losses: list[float] = []
        self._best: list[torch.Tensor] = []
        self._held_out: list[Clip] = []
        if planned >= self._options.check_every:
            self._held_out = _held_out(clips, HELD_OUT_NUMBERS + tuner._number, self._options)

    def go(self) -> FinetuneRun:
        """Train until something ends it."""
        if self._held_out:
            self._check()
        optimiser = torch.optim.Adam(self._tuner._parameters, lr=self._options.learning_rate)
        for clip in self._ahead:
            train_mode(self._tuner.network)
            optimiser.zero_grad(set_to_none=True)
            loss = self._tuner.loss(clip)
            self._losses.append(float(loss.detach()))
            if not math.isfinite(self._losses[-1]):
                return self.result(Ending.NOT_FINITE)
            loss.backward()
            optimiser.step()
            done = len(self._losses)
            if self._on_step is not None:
                self._on_step(done, self._planned, self._losses[-1])
            if done % self._options.check_every == 0:
                self._check()
                if self._rose():
                    self._go_back()
                    return self.result(Ending.ROSE)
        finite = all(bool(value.isfinite().all()) for value in self._tuner._parameters)
        return self.result(Ending.DONE if finite else Ending.NOT_FINITE)

    @torch.no_grad()
    def _check(self) -> None:
        """Note the loss on the held-out warps, and the weights if they are the best so far."""
        start = time.perf_counter()
        self._tuner.network.eval()
        values = [float(self._tuner.loss(clip)) for clip in self._held_out]
        value = sum(values) / len(values)
        if value <= min(self._held_out_losses, default=math.inf):
            self._best = [parameter.detach().clone() for parameter in self._tuner._parameters]
        self._held_out_losses.append(value)
        self._checking += time.perf_counter() - start

    def _rose(self) -> bool:
        recent = self._held_out_losses[-self._options.patience - 1 :]
        rising = all(later > earlier for earlier, later in pairwise(recent))
        return rising and len(recent) > self._options.patience

    @torch.no_grad()
    def _go_back(self) -> None:
        for parameter, value in zip(self._tuner._parameters, self._best, strict=True):
            parameter.copy_(value)

    def result(self, ending: Ending) -> FinetuneRun:
        """What was done until now."""
        return FinetuneRun(
            ending,
            # A step is not taken on a loss that is not finite.
            sum(1 for loss in self._losses if math.isfinite(loss)),
            time.perf_counter() - self._start,
            self._ahead.waited,
            self._checking,
            tuple(self._losses),
            tuple(self._held_out_losses),
        )
