"""Turns a checkpoint into a network that is ready to segment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from vostool.core.errors import CheckpointError, VostoolError
from vostool.recipe import ModelChoice, build_model
from vostool.training.checkpoint import load_weights, read_checkpoint


def load_segmenter(
    path: Path, device: torch.device | None = None
) -> tuple[nn.Module, dict[str, Any]]:
    """Build the network of a checkpoint, in evaluation mode, and return it with its recipe.

    Raises:
        CheckpointError: missing, truncated or pickled file, or one whose network is not known.
    """
    weights, info = read_checkpoint(path)
    try:
        model = build_model(ModelChoice.model_validate(info.recipe["model"]), weights="none")
    except (VostoolError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"the checkpoint's network cannot be built: {error}",
            where=path,
            remedy="use the vostool version (and packages) that trained it",
        ) from error
    load_weights(model, weights, path)
    return model.to(device or torch.device("cpu")).eval(), info.recipe
