"""`convolution`: one 3x3 convolution over read-out and query value (STM, section 3.3)."""

from __future__ import annotations

import torch
from torch import nn

from vostool.core.options import Options
from vostool.nn.key_value import ReadQueryConv2d
from vostool.nn.pairs import add_image_part
from vostool.nn.part_choice import Sizes


class Config(Options):
    """No choices."""


class Convolution(nn.Module):
    """Satisfies `Mixer`."""

    def __init__(self, value: int, width: int):
        super().__init__()
        self.compress = ReadQueryConv2d(value, value, width, 3)

    def query_part(self, query_value: torch.Tensor) -> torch.Tensor:
        """See `Mixer.query_part`."""
        return self.compress.query_part(query_value)

    def forward(
        self, read: torch.Tensor, query_part: torch.Tensor, owner: torch.Tensor
    ) -> torch.Tensor:
        """See `Mixer.__call__`."""
        return add_image_part(self.compress.read_part(read), query_part, owner)

    def after_prior(self, features: torch.Tensor) -> torch.Tensor:
        """See `Mixer.after_prior`; nothing is left."""
        return features


def build(config: Config, sizes: Sizes) -> Convolution:
    """The mixer."""
    return Convolution(sizes.value, sizes.width)
