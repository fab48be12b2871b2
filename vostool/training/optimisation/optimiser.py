"""Optimisers, parameter groups, and frozen BatchNorm."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from vostool.core.errors import UsageError
from vostool.nn.folding import freeze_statistics
from vostool.nn.part_protocols import Pretrained, Staged
from vostool.training.config import OptimiserOptions


def build_optimiser(model: nn.Module, options: OptimiserOptions) -> torch.optim.Optimizer:
    """The optimiser over the trainable parameters: trunk and rest are groups of their own.

    Each group carries `base`, its learning rate before the schedule's factor. Stages that are to
    stay as they are require no gradients afterwards.

    Raises:
        UsageError: a trunk has no feature at the stride up to which it is to stay.
    """
    if options.frozen_stride is not None:
        freeze_first_stages(model, options.frozen_stride)
    trunk, rest = split_parameters(model)
    groups = [
        {"params": parameters, "lr": rate, "base": rate}
        for parameters, rate in (
            (trunk, options.learning_rate),
            (rest, options.learning_rate * options.head_multiplier),
        )
        if parameters
    ]
    decay = options.weight_decay
    if options.name == "sgd":
        return torch.optim.SGD(
            groups, momentum=options.momentum, weight_decay=decay, nesterov=options.nesterov
        )
    kind = torch.optim.Adam if options.name == "adam" else torch.optim.AdamW
    return kind(groups, betas=options.betas, weight_decay=decay)


def freeze_first_stages(model: nn.Module, stride: int) -> None:
    """Trunks keep their stages up to this stride, where they have any (`Staged`).

    Raises:
        UsageError: one has no feature at this stride.
    """
    for part in model.modules():
        if isinstance(part, Staged):
            try:
                chosen = part.first_stages(stride)
            except ValueError as error:
                raise UsageError(
                    f"optimiser.frozen_stride: {error}", remedy="choose another, or leave it out"
                ) from error
            for parameter in chosen:
                parameter.requires_grad_(False)


def split_parameters(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Trainable parameters that parts declare to be a trunk's (`Pretrained`), and all others."""
    inside: set[int] = set()
    for module in model.modules():
        if isinstance(module, Pretrained):
            inside |= {id(parameter) for parameter in module.pretrained_parameters()}
    trunk: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for parameter in model.parameters():
        if parameter.requires_grad:
            (trunk if id(parameter) in inside else rest).append(parameter)
    return trunk, rest


def set_learning_rate(optimiser: torch.optim.Optimizer, factor: float) -> float:
    """Apply the schedule's factor to all groups; returns the first group's learning rate."""
    for group in optimiser.param_groups:
        group["lr"] = group["base"] * factor
    return float(optimiser.param_groups[0]["lr"])


def train_mode(model: nn.Module) -> None:
    """Training mode with BatchNorm statistics frozen.

    `model.train()` alone would make BatchNorm use and update batch statistics, which a batch of
    one clip cannot support; nothing in vostool calls it without this.
    """
    model.train()
    freeze_statistics(model)


@torch.no_grad()
def put_channels_last(model: nn.Module) -> None:
    """Lay out the weights of convolutions as processors run them fastest; values stay."""
    for parameter in model.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def gradient_norm(parameters: Iterable[nn.Parameter], limit: float | None) -> float:
    """Norm of all gradients together, after which they are scaled down to `limit` if given."""
    with_gradient = [p for p in parameters if p.grad is not None]
    largest = float("inf") if limit is None else limit
    return float(torch.nn.utils.clip_grad_norm_(with_gradient, largest))
