"""What the loop is told of a run, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from vostool.core.errors import VostoolError
from vostool.training.config import (
    CheckpointOptions,
    LoopOptions,
    OptimiserOptions,
    ScheduleOptions,
)
from vostool.training.objective import Objective, objective_of

Validate = Callable[[nn.Module, torch.dtype | None], Mapping[str, float]]
"""Scores a model on held-out videos, with autocast to a dtype; the first figure ranks."""


@dataclass(frozen=True)
class TrainingOptions:
    """All that the loop is told by a recipe."""

    loop: LoopOptions
    optimiser: OptimiserOptions = field(default_factory=OptimiserOptions)
    schedule: ScheduleOptions = field(default_factory=ScheduleOptions)
    objective: Objective = field(default_factory=lambda: objective_of({}))
    checkpoints: CheckpointOptions = field(default_factory=CheckpointOptions)
    validate_every: int = 0


@dataclass(frozen=True)
class TrainingResult:
    """What came of a run.

    Attributes:
        folder: the run's folder.
        iteration: optimiser steps done.
        finished: whether the schedule was run to its end.
        best: the best checkpoint (the last one where nothing was validated), None before one.
        best_score: its validation figure, or None.
    """

    folder: Path
    iteration: int
    finished: bool
    best: Path | None
    best_score: float | None


class TrainingStopped(VostoolError):
    """The loss is not finite; the last good checkpoint stays."""
