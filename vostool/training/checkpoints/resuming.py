"""The state of an interrupted run, and whether it may be gone on with.

A resume file (`resume.state`) holds the weights, the optimiser's tensors and the progress, so that
one atomic rename saves a consistent state. Random generators are not in it: the loop seeds them
anew at every step, and samples are functions of their number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, Field

from vostool.core.errors import CheckpointError, UsageError
from vostool.core.typed import parse_as
from vostool.training.checkpoints._tensor_file import FOREIGN, opened, read_tensors, write
from vostool.training.checkpoints.checkpoint import WEIGHTS
from vostool.training.loop.distributed import Processes

OPTIMISER, AVERAGE = "optimiser.", "average."
_SLOT = re.compile(r"optimiser\.(\d{1,9})\.(.+)", re.ASCII)


class Progress(BaseModel):
    """How far a run is.

    Attributes:
        recipe: the resolved recipe.
        iteration: optimiser steps done.
        best_score: of validation so far.
        processes: that train together.
        scaler: state of fp16's gradient scaler.
        unlogged: sums of the first process's metrics since the last line of the log, so that the
            next line is the mean that it would have been without an interruption.
        unlogged_count: of the steps in these sums.
    """

    recipe: dict[str, Any]
    iteration: int = Field(ge=0)
    best_score: float | None
    processes: int = Field(ge=1)
    scaler: dict[str, float]
    unlogged: dict[str, float] = {}
    unlogged_count: int = Field(0, ge=0)


class _OptimiserMetadata(BaseModel):
    """What of an optimiser's state is no tensor."""

    groups: list[dict[str, Any]]
    scalars: dict[int, dict[str, float]]


class _ResumeMetadata(BaseModel):
    progress: Progress
    optimiser: _OptimiserMetadata


@dataclass(frozen=True)
class ResumeState:
    """Everything that a run needs to go on as if it had never stopped.

    Attributes:
        weights: the model's state dictionary.
        optimiser: its `state_dict()`.
        progress: how far it is.
        average: running mean of the weights, by name; empty for a run without one.
    """

    weights: dict[str, torch.Tensor]
    optimiser: dict[str, Any]
    progress: Progress
    average: dict[str, torch.Tensor] = field(default_factory=dict)


def save_resume(path: Path, state: ResumeState) -> None:
    """Write a resume state atomically."""
    tensors = {WEIGHTS + name: value for name, value in state.weights.items()}
    tensors |= {AVERAGE + name: value for name, value in state.average.items()}
    scalars: dict[str, dict[str, Any]] = {}
    for index, slots in state.optimiser["state"].items():
        for name, value in slots.items():
            if isinstance(value, torch.Tensor):
                tensors[f"{OPTIMISER}{index}.{name}"] = value
            else:
                scalars.setdefault(str(index), {})[name] = value
    optimiser = {"groups": state.optimiser["param_groups"], "scalars": scalars}
    write(path, tensors, {"progress": state.progress.model_dump(), "optimiser": optimiser})


def read_resume(path: Path) -> ResumeState:
    """Read what `save_resume` wrote.

    Raises:
        CheckpointError: missing, truncated, damaged, or not a resume state.
    """
    with opened(path) as (file, metadata):
        if "progress" not in metadata:
            raise CheckpointError("not a resume state", where=path, remedy="start a new run")
        said = parse_as(_ResumeMetadata, metadata, path, remedy=FOREIGN, error=CheckpointError)
        tensors = read_tensors(file, metadata, path)
    weights: dict[str, torch.Tensor] = {}
    average: dict[str, torch.Tensor] = {}
    slots: dict[int, dict[str, Any]] = {}
    for name, value in tensors.items():
        if name.startswith(WEIGHTS):
            weights[name.removeprefix(WEIGHTS)] = value
        elif name.startswith(AVERAGE):
            average[name.removeprefix(AVERAGE)] = value
        elif match := _SLOT.fullmatch(name):
            slots.setdefault(int(match[1]), {})[match[2]] = value
        else:
            raise CheckpointError(f"unknown tensor {name}", where=path, remedy=FOREIGN)
    for index, values in said.optimiser.scalars.items():
        slots.setdefault(index, {}).update(values)
    optimiser = {"state": slots, "param_groups": said.optimiser.groups}
    return ResumeState(weights, optimiser, said.progress, average)


def load_optimiser(optimiser: torch.optim.Optimizer, state: dict[str, Any], where: Path) -> None:
    """Take up an optimiser's saved state.

    Raises:
        CheckpointError: it is of other parameters or of another optimiser.
    """
    other = CheckpointError(
        "the optimiser's state belongs to another network or optimiser",
        where=where,
        remedy="resume with the recipe that the run was started with",
    )
    try:
        optimiser.load_state_dict(state)
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise other from error
    for parameter, slots in optimiser.state.items():
        for name, value in slots.items():
            if not isinstance(value, torch.Tensor) or not value.ndim:
                continue
            if value.shape != parameter.shape:
                raise other
            # In the order in memory that it had when it was saved, the parameter's.
            slots[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def check_same_run(
    progress: Progress, recipe: dict[str, Any], processes: Processes, folder: Path
) -> None:
    """Refuse to resume with another recipe; how often is validated and saved may change.

    Args:
        progress: of the resume state.

    Raises:
        UsageError: naming the keys that differ, or another number of processes.
    """
    if progress.processes != processes.count:
        raise UsageError(
            f"the run was started with {progress.processes} processes, not {processes.count}",
            where=folder,
            remedy="resume with as many as before",
        )
    free = ("checkpoints.", "validation.", "description", "papers.", "loop.log_every")
    before, now = _flat(progress.recipe), _flat(recipe)
    keys = sorted(key for key in before.keys() | now.keys() if not key.startswith(free))
    changed = [
        f"{key} was {before.get(key)!r}, is {now.get(key)!r}"
        for key in keys
        if before.get(key) != now.get(key)
    ]
    if changed:
        raise UsageError(
            f"the run was started with another recipe: {'; '.join(changed)}",
            where=folder,
            remedy="resume with the same recipe and --set options, or start a new run with --init",
        )


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {prefix.removesuffix("."): value}
    flat: dict[str, Any] = {}
    for key, item in value.items():
        flat |= _flat(item, f"{prefix}{key}.")
    return flat
