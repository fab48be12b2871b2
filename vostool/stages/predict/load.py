"""Turns a checkpoint into a network that is ready to segment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vostool.core.errors import CheckpointError, VostoolError
from vostool.core.typed import parse_as
from vostool.models import Segmenter
from vostool.models import released_stm as _released_stm
from vostool.models.systems import stm
from vostool.nn.trunk import read_tensors
from vostool.recipe import ModelChoice, build_model
from vostool.training.checkpoints.checkpoint import (
    FOREIGN,
    load_weights,
    read_checkpoint,
    require_fitting,
    require_numbers,
)

RELEASED_SUFFIXES = (".pth", ".pt")


def load_segmenter(
    path: Path, device: torch.device | None = None
) -> tuple[nn.Module, dict[str, Any]]:
    """Build the network of a checkpoint, in evaluation mode, and return it with its recipe.

    The weights file that STM's authors released (.pth) is understood too.

    Raises:
        CheckpointError: missing, truncated or pickled file, or one whose network is not known.
    """
    if Path(path).suffix in RELEASED_SUFFIXES:
        return _load_released(Path(path)).to(device or torch.device("cpu")).eval(), {
            "name": "stm-released",
            "model": {"name": "stm", **stm.Config().model_dump(mode="json")},
        }
    weights, info = read_checkpoint(path)
    model = info.recipe.get("model")
    choice = parse_as(ModelChoice, model, path, remedy=FOREIGN, error=CheckpointError)
    with _explained(path):
        # Sizes are a stranger's, too: only a network whose tensors the file holds gets memory.
        sketch = build_model(choice, weights="none", device="meta")
    if not isinstance(sketch, Segmenter):
        raise CheckpointError(
            f"{choice.name} finds objects, it does not follow them",
            where=path,
            remedy=f"give the checkpoint to vostool propose --source {choice.name} --file",
        )
    require_fitting(sketch, weights, path)
    network = build_model(choice, weights="none")
    load_weights(network, weights, path)
    return network.to(device or torch.device("cpu")).eval(), info.recipe


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Every way in which a checkpoint's network cannot be built, as one sentence."""
    try:
        yield
    except (VostoolError, ValueError, TypeError, OverflowError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f"the checkpoint's network cannot be built: {reason}",
            where=path,
            remedy="use the vostool version (and packages) that trained it",
        ) from error


def _load_released(path: Path) -> nn.Module:
    """STM with the weights of its authors' file."""
    state = read_tensors(path)
    if not _released_stm.is_released(state):
        raise CheckpointError(
            "the file is neither a checkpoint of vostool nor the released STM weights",
            where=path,
            remedy="give a .ckpt file that `vostool train` wrote",
        )
    model = stm.build(stm.Config())
    counters = {k: v for k, v in model.state_dict().items() if k.endswith("num_batches_tracked")}
    # Frozen BatchNorm never reads its counters, and files of old torch versions lack them.
    require_numbers(state, path)
    load_weights(model, {**counters, **_released_stm.convert(state)}, path)
    return model
