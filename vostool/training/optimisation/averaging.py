"""A running mean of the weights while training, which is scored and saved in their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn


class WeightAverage:
    """Exponential mean of the trainable parameters.

    Each step takes over 1 - d of the new weights, with d = min(decay, (1 + t) / (10 + t)) after t
    steps, so that the first weights do not stay for long.

    Args:
        model: whose parameters are the mean's start.
        decay: in [0, 1).
    """

    def __init__(self, model: nn.Module, decay: float):
        self.decay = decay
        self.values = {name: value.detach().clone() for name, value in _trainable(model)}

    @torch.no_grad()
    def update(self, model: nn.Module, steps: int) -> None:
        """Take in the weights after step number `steps`, from 1."""
        share = 1 - min(self.decay, (1 + steps) / (10 + steps))
        now: list[torch.Tensor] = [value for _, value in _trainable(model)]
        torch._foreach_lerp_(list(self.values.values()), now, share)

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Have the model use the mean inside the block."""
        own = {name: value.detach().clone() for name, value in _trainable(model)}
        _put(model, self.values)
        try:
            yield
        finally:
            _put(model, own)

    def load(self, values: Mapping[str, torch.Tensor]) -> None:
        """Take up a saved mean; names and shapes must be those of the model.

        Raises:
            ValueError: they are not.
        """
        shapes = {name: value.shape for name, value in self.values.items()}
        if {name: value.shape for name, value in values.items()} != shapes:
            raise ValueError("the saved mean is of other parameters")
        for name, value in self.values.items():
            value.copy_(values[name])


def _trainable(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return [(name, value) for name, value in model.named_parameters() if value.requires_grad]


@torch.no_grad()
def _put(model: nn.Module, values: Mapping[str, torch.Tensor]) -> None:
    for name, value in _trainable(model):
        value.copy_(values[name])
