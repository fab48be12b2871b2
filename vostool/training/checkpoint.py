"""Weight files and resume files: safetensors with JSON metadata, never pickle.

A checkpoint (`*.ckpt`) holds weights and, as metadata, the resolved recipe, iteration, scores,
versions and git revision. A resume file (`resume.state`) holds the weights, the optimiser's
tensors and the progress, so that one atomic rename saves a consistent state. Random generators
are not in it: the loop seeds them anew at every step, and samples are functions of their number.
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

import vostool
from vostool.core.errors import CheckpointError
from vostool.core.files import atomic_path

METADATA_KEY = "vostool"
FORMAT = 1
WEIGHTS, OPTIMISER = "weights.", "optimiser."
SHOWN_DIFFERENCES = 5


@dataclass(frozen=True)
class CheckpointInfo:
    """What a checkpoint says about itself.

    Attributes:
        recipe: the resolved recipe.
        iteration: optimiser steps done.
        metrics: scores and losses at that iteration.
        versions: of vostool, torch and Python.
        revision: git revision of the source tree, with "+" when it was modified; or None.
    """

    recipe: dict[str, Any]
    iteration: int
    metrics: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    revision: str | None = None


def describe(
    recipe: dict[str, Any], iteration: int, metrics: Mapping[str, float]
) -> CheckpointInfo:
    """Information on weights of now, with versions and revision filled in."""
    versions = {
        "vostool": vostool.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    return CheckpointInfo(recipe, iteration, dict(metrics), versions, git_revision())


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
    _write(path, {WEIGHTS + k: v for k, v in model.state_dict().items()}, asdict(info))


def read_info(path: Path) -> CheckpointInfo:
    """What a checkpoint says about itself, without reading its weights.

    Raises:
        CheckpointError: missing, truncated, pickled, or not written by `vostool train`.
    """
    with _opened(path) as (_, metadata):
        return _info(metadata)


def read_checkpoint(path: Path) -> tuple[dict[str, torch.Tensor], CheckpointInfo]:
    """State dictionary (on the CPU) and information.

    Raises:
        CheckpointError: as for `read_info`.
    """
    with _opened(path) as (file, metadata):
        names = [name for name in file.keys() if name.startswith(WEIGHTS)]  # noqa: SIM118
        weights = {name.removeprefix(WEIGHTS): file.get_tensor(name) for name in names}
        return weights, _info(metadata)


def load_weights(model: nn.Module, weights: Mapping[str, torch.Tensor], where: Path) -> None:
    """Put weights into a model of the same architecture.

    Raises:
        CheckpointError: names or shapes differ; the first differences are listed.
    """
    own = model.state_dict()
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
    model.load_state_dict(dict(weights))


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
    own = model.state_dict()
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


@dataclass(frozen=True)
class ResumeState:
    """Everything that a run needs to go on as if it had never stopped.

    Attributes:
        weights: the model's state dictionary.
        optimiser: its `state_dict()`.
        progress: JSON-able: recipe, iteration, best score, scaler and the like.
    """

    weights: dict[str, torch.Tensor]
    optimiser: dict[str, Any]
    progress: dict[str, Any]


def save_resume(path: Path, state: ResumeState) -> None:
    """Write a resume state atomically."""
    tensors = {WEIGHTS + name: value for name, value in state.weights.items()}
    scalars: dict[str, dict[str, Any]] = {}
    for index, slots in state.optimiser["state"].items():
        for name, value in slots.items():
            if isinstance(value, torch.Tensor):
                tensors[f"{OPTIMISER}{index}.{name}"] = value
            else:
                scalars.setdefault(str(index), {})[name] = value
    optimiser = {"groups": state.optimiser["param_groups"], "scalars": scalars}
    _write(path, tensors, {"progress": state.progress, "optimiser": optimiser})


def read_resume(path: Path) -> ResumeState:
    """Read what `save_resume` wrote.

    Raises:
        CheckpointError: missing, truncated, or not a resume state.
    """
    with _opened(path) as (file, metadata):
        if "progress" not in metadata:
            raise CheckpointError("not a resume state", where=path, remedy="start a new run")
        parts: dict[str, dict[str, torch.Tensor]] = {WEIGHTS: {}, OPTIMISER: {}}
        for name in file.keys():  # noqa: SIM118
            prefix = name.split(".", 1)[0] + "."
            parts[prefix][name.removeprefix(prefix)] = file.get_tensor(name)
    slots: dict[int, dict[str, Any]] = {}
    for name, value in parts[OPTIMISER].items():
        index, slot = name.split(".", 1)
        slots.setdefault(int(index), {})[slot] = value
    for index, values in metadata["optimiser"]["scalars"].items():
        slots.setdefault(int(index), {}).update(values)
    optimiser = {"state": slots, "param_groups": metadata["optimiser"]["groups"]}
    return ResumeState(parts[WEIGHTS], optimiser, metadata["progress"])


def _write(path: Path, tensors: Mapping[str, torch.Tensor], metadata: dict[str, Any]) -> None:
    text = json.dumps({"format": FORMAT, **metadata})
    # Clones, because safetensors refuses tensors that share memory (shared encoders).
    copies = {k: v.detach().to("cpu", copy=True).contiguous() for k, v in tensors.items()}
    with atomic_path(path) as temporary:
        try:
            save_file(copies, temporary, metadata={METADATA_KEY: text})
        except SafetensorError as error:
            # The library hides the system's error in its text: "... (os error 28)".
            number = re.search(r"os error (\d+)", str(error))
            if number is None:
                raise
            raise OSError(int(number[1]), str(error)) from error


def _info(metadata: dict[str, Any]) -> CheckpointInfo:
    return CheckpointInfo(
        metadata["recipe"],
        metadata["iteration"],
        metadata["metrics"],
        metadata["versions"],
        metadata["revision"],
    )


class _opened:
    """Opens a file of ours, turning every way it can be wrong into one sentence."""

    def __init__(self, path: Path):
        self.path = Path(path)

    def __enter__(self):
        if not self.path.is_file():
            raise CheckpointError("no such checkpoint", where=self.path, remedy="check the path")
        _refuse_pickle(self.path)
        try:
            self._file = safe_open(self.path, framework="pt")
        except (SafetensorError, OSError) as error:
            raise CheckpointError(
                "the checkpoint is damaged or cut short",
                where=self.path,
                remedy="copy it again, or use the one before it",
            ) from error
        try:
            metadata = json.loads((self._file.metadata() or {})[METADATA_KEY])
        except (KeyError, ValueError) as error:
            raise CheckpointError(
                "these are weights without a recipe, not a checkpoint of `vostool train`",
                where=self.path,
                remedy="backbone weights go to `vostool train --weights`",
            ) from error
        if metadata.get("format") != FORMAT:
            raise CheckpointError(
                f"checkpoint format {metadata.get('format')}, this version reads {FORMAT}",
                where=self.path,
                remedy="use the vostool version that wrote it",
            )
        return self._file, metadata

    def __exit__(self, *_: object) -> None:
        self._file.__exit__(None, None, None)


def _refuse_pickle(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(9)
    # Safetensors begin with the header's length in 8 bytes, which may look like anything, and "{".
    if start[8:] != b"{" and (start[:2] == b"PK" or start[:1] == b"\x80"):
        raise CheckpointError(
            "this is a pickled file, which could run code when it is opened",
            where=path,
            remedy="give a *.ckpt written by `vostool train`",
        )
