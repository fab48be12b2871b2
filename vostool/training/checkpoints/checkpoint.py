"""Checkpoints: weights as safetensors with JSON metadata, never pickle.

A checkpoint (`*.ckpt`) holds weights and, as metadata, the resolved recipe, iteration, scores,
versions and git revision.
"""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from torch import nn

import vostool
from vostool.core.errors import CheckpointError
from vostool.core.listing import some
from vostool.core.toml import explain_mistakes
from vostool.core.typed import parse_as
from vostool.training.checkpoints._tensor_file import FOREIGN, opened, read_tensors, write

WEIGHTS = "weights."
SHOWN_DIFFERENCES = 5


class _Loop(BaseModel):
    iterations: int = Field(0, ge=0)


class _Validation(BaseModel):
    videos: tuple[str, ...] = ()


class _TrainedRecipe(BaseModel):
    """What of a trained network's recipe matters later, whichever version wrote it."""

    model: dict[str, Any] = {}
    losses: dict[str, Any] = {}
    loop: _Loop = _Loop()
    validation: _Validation = _Validation()


class CheckpointInfo(BaseModel):
    """What a checkpoint says about itself. It may be a stranger's: only its types are checked.

    Attributes:
        recipe: the resolved recipe; its groups are groups, their values are not checked.
        iteration: optimiser steps done.
        metrics: scores and losses at that iteration.
        versions: of vostool, torch and Python.
        revision: git revision of the source tree, with "+" when it was modified; or None.
    """

    model_config = ConfigDict(frozen=True)

    recipe: dict[str, Any]
    iteration: int = Field(ge=0)
    metrics: dict[str, float] = {}
    versions: dict[str, str] = {}
    revision: str | None = None

    @field_validator("recipe")
    @classmethod
    def _has_its_groups(cls, recipe: dict[str, Any]) -> dict[str, Any]:
        try:
            _TrainedRecipe.model_validate(recipe)
        except ValidationError as error:
            raise ValueError("; ".join(explain_mistakes(error, _TrainedRecipe))) from None
        return recipe

    @property
    def held_out(self) -> tuple[str, ...]:
        """Videos that the training validated on and did not learn from."""
        return _TrainedRecipe.model_validate(self.recipe).validation.videos


def describe(
    recipe: dict[str, Any], iteration: int, metrics: Mapping[str, float]
) -> CheckpointInfo:
    """Information on weights of now, with versions and revision filled in."""
    versions = {
        "vostool": vostool.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    return CheckpointInfo(
        recipe=recipe,
        iteration=iteration,
        metrics=dict(metrics),
        versions=versions,
        revision=git_revision(),
    )


def git_revision() -> str | None:
    """Revision of the repository that vostool is imported from, or None outside one."""
    folder = Path(vostool.__file__).parents[1]
    if not (folder / ".git").exists():
        return None
    try:
        revision = _git(folder, "rev-parse", "HEAD")
        return revision + ("+" if _git(folder, "status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=20
    ).stdout.strip()


def save_checkpoint(path: Path, model: nn.Module, info: CheckpointInfo) -> None:
    """Write weights and information atomically."""
    write(path, {WEIGHTS + k: v for k, v in model.state_dict().items()}, info.model_dump())


def read_info(path: Path) -> CheckpointInfo:
    """What a checkpoint says about itself, without reading its weights.

    Raises:
        CheckpointError: missing, truncated, pickled, or not written by `vostool train`.
    """
    with opened(path) as (_, metadata):
        return _info(metadata, path)


def read_checkpoint(path: Path) -> tuple[dict[str, torch.Tensor], CheckpointInfo]:
    """State dictionary (on the CPU) and information.

    Raises:
        CheckpointError: as for `read_info`; weights that are no numbers, or not those written.
    """
    with opened(path) as (file, metadata):
        tensors = read_tensors(file, metadata, path)
        info = _info(metadata, path)
    weights = {n.removeprefix(WEIGHTS): v for n, v in tensors.items() if n.startswith(WEIGHTS)}
    require_numbers(weights, path)
    return weights, info


def require_numbers(weights: Mapping[str, torch.Tensor], where: Path) -> None:
    """Refuse weights that are no numbers: a network of them says nothing, and says it quietly.

    Raises:
        CheckpointError: NaN or infinite values; the first tensors are named.
    """
    wrong = [name for name, value in weights.items() if not _all_finite(value)]
    if wrong:
        raise CheckpointError(
            f"weights that are NaN or infinite: {some(wrong, SHOWN_DIFFERENCES)}",
            where=where,
            remedy="the training that wrote them had failed, or the file is damaged: use the "
            "checkpoint before it",
        )


def _all_finite(value: torch.Tensor) -> bool:
    """By the sum, which no NaN or infinity leaves, at the speed of memory; then value by value.

    Cost: 0.2 ms per MB, a tenth of hashing the file. Values so large that their sum overflows are
    looked at again.
    """
    if not value.is_floating_point() or not value.numel():
        return True
    return bool(value.sum(dtype=torch.float32).isfinite() or value.isfinite().all())


def load_weights(model: nn.Module, weights: Mapping[str, torch.Tensor], where: Path) -> None:
    """Put weights into a model of the same architecture.

    Raises:
        CheckpointError: as for `require_fitting`.
    """
    require_fitting(model, weights, where)
    model.load_state_dict(_current(model, weights))


def _current(model: nn.Module, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights by the names that the model has now, where it knows what they were called before."""
    rename = getattr(model, "current_names", dict)
    return rename(weights)


def require_fitting(model: nn.Module, weights: Mapping[str, torch.Tensor], where: Path) -> None:
    """Compare names and shapes; a model on torch's meta device will do.

    Raises:
        CheckpointError: names or shapes differ; the first differences are listed.
    """
    own, weights = model.state_dict(), _current(model, weights)
    differences = [f"{name} is missing" for name in own if name not in weights]
    differences += [f"{name} is not in the model" for name in weights if name not in own]
    differences += [
        f"{name} is {tuple(weights[name].shape)}, the model has {tuple(value.shape)}"
        for name, value in own.items()
        if name in weights and weights[name].shape != value.shape
    ]
    if differences:
        more = len(differences) - SHOWN_DIFFERENCES
        listed = "; ".join(differences[:SHOWN_DIFFERENCES])
        raise CheckpointError(
            f"checkpoint of another architecture: {listed}"
            + (f"; and {more} more" if more > 0 else ""),
            where=where,
            remedy="use a recipe with the same model as the checkpoint's",
        )


def load_start(
    model: nn.Module, weights: Mapping[str, torch.Tensor], where: Path
) -> tuple[list[str], list[str]]:
    """Put weights into a model that training is to start from; some parts of it may be new.

    A network names in `parts_that_may_be_new` those of its direct children that a checkpoint to
    start from may lack or have otherwise (SCMN's constraint, say, when it starts from an STM).
    Such a part keeps its initialisation as a whole; everything else must fit.

    Returns:
        the parts that are new, and the checkpoint's parts that are left out, sorted.

    Raises:
        CheckpointError: other parts differ.
    """
    own, weights = model.state_dict(), _current(model, weights)
    free: frozenset[str] = getattr(model, "parts_that_may_be_new", frozenset())
    different = {
        part
        for name in own.keys() | weights.keys()
        if (part := _part(name)) in free
        and (name not in own or name not in weights or own[name].shape != weights[name].shape)
    }
    kept = {name: value for name, value in weights.items() if _part(name) not in different}
    fresh = {name: value for name, value in own.items() if _part(name) in different}
    load_weights(model, {**kept, **fresh}, where)
    new = {_part(name) for name in fresh}
    return sorted(new), sorted(different - new)


def _part(name: str) -> str:
    """The network's direct child that a tensor belongs to."""
    return name.split(".", 1)[0]


def _info(metadata: dict[str, Any], path: Path) -> CheckpointInfo:
    if "progress" in metadata:
        raise CheckpointError(
            "this is the state of an unfinished training, not a checkpoint",
            where=path,
            remedy="give best.ckpt or an iteration-*.ckpt of that run",
        )
    return parse_as(CheckpointInfo, metadata, path, remedy=FOREIGN, error=CheckpointError)
