"""Mean of the weights of several checkpoints of one run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from vostool.core.errors import CheckpointError
from vostool.training.checkpoints.checkpoint import CheckpointInfo, read_checkpoint


def average_checkpoints(paths: Sequence[Path]) -> tuple[dict[str, torch.Tensor], CheckpointInfo]:
    """Mean of floating-point tensors, summed in float64; other tensors are those of the first.

    BatchNorm statistics are frozen in all trainings here, so they need not be estimated again.

    Returns:
        Weights, and what the first checkpoint says about itself.

    Raises:
        CheckpointError: a file is damaged, or of another architecture than the first.
    """
    first, info = read_checkpoint(paths[0])
    sums = {name: value.double() for name, value in first.items() if value.is_floating_point()}
    for path in paths[1:]:
        weights, _ = read_checkpoint(path)
        shapes = {name: value.shape for name, value in weights.items()}
        if shapes != {name: value.shape for name, value in first.items()}:
            raise CheckpointError(
                "weights of different architectures cannot be averaged",
                where=path,
                remedy=f"average checkpoints of the run of {paths[0].name} only",
            )
        for name, total in sums.items():
            total += weights[name].double()
    means = {name: (total / len(paths)).to(first[name].dtype) for name, total in sums.items()}
    return {**first, **means}, info
