"""`aspp`: atrous spatial pyramid pooling, then a 3x3 convolution (FAMNet, section 2.3; SCMN)."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from vostool.core.options import Options
from vostool.nn.aspp import ReadASPP
from vostool.nn.part_choice import Sizes


class Config(Options):
    """Choices of the ASPP."""

    rates: tuple[Annotated[int, Field(ge=1, le=256)], ...] = Field(
        (1, 2, 4, 8), min_length=1, description="dilation rates; 1 stands for a 1x1 convolution"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="on the result, while training")


class ASPP(nn.Module):
    """Satisfies `Mixer`."""

    def __init__(self, config: Config, value: int, width: int):
        super().__init__()
        self.aspp = ReadASPP(value, value, width, config.rates, config.dropout)
        self.compress = nn.Conv2d(width, width, 3, padding=1)

    def query_part(self, query_value: torch.Tensor) -> list[torch.Tensor]:
        """See `Mixer.query_part`."""
        return self.aspp.query_part(query_value)

    def forward(
        self, read: torch.Tensor, query_part: list[torch.Tensor], owner: torch.Tensor
    ) -> torch.Tensor:
        """See `Mixer.__call__`."""
        return self.aspp(read, query_part, owner)

    def after_prior(self, features: torch.Tensor) -> torch.Tensor:
        """See `Mixer.after_prior`."""
        return self.compress(features)


def build(config: Config, sizes: Sizes) -> ASPP:
    """The mixer."""
    return ASPP(config, sizes.value, sizes.width)
