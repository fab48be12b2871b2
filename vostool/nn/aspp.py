"""Atrous spatial pyramid pooling on the memory read-out (DeepLab; FAMNet section 2.3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from vostool.nn.key_value import ReadQueryConv2d
from vostool.nn.pairs import add_image_part


class ReadASPP(nn.Module):
    """Parallel convolutions of several rates over concat(read-out, query value), joined by a 1x1.

    Rate 1 stands for a 1x1 convolution. ReLU after each branch and after the join, no
    normalisation, no bias. Weights begin with He's initialisation: with torch's, two more layers
    without normalisation leave little of the read-out, and training begins slowly.

    Args:
        read_channels, query_channels: of the two input parts.
        channels: of each branch and of the result.
        rates: one branch each, such as (1, 2, 4, 8).
        dropout: probability of dropping values of the result while training.
    """

    def __init__(
        self,
        read_channels: int,
        query_channels: int,
        channels: int = 256,
        rates: Sequence[int] = (1, 2, 4, 8),
        dropout: float = 0.0,
    ):
        super().__init__()
        self.branches = nn.ModuleList(
            ReadQueryConv2d(
                read_channels, query_channels, channels, 1 if rate == 1 else 3, rate, bias=False
            )
            for rate in rates
        )
        self.join = nn.Conv2d(channels * len(rates), channels, 1, bias=False)
        self.dropout = nn.Dropout(dropout)
        for conv in (*self._branches(), self.join):
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")

    def _branches(self) -> list[ReadQueryConv2d]:
        return [branch for branch in self.branches if isinstance(branch, ReadQueryConv2d)]

    def query_part(self, query_value: torch.Tensor) -> list[torch.Tensor]:
        """`[V, Cq, h, w]` -> what no object changes, per branch `[V, C, h, w]`."""
        return [branch.query_part(query_value) for branch in self._branches()]

    def forward(
        self, read: torch.Tensor, query_part: list[torch.Tensor], owner: torch.Tensor
    ) -> torch.Tensor:
        """`[M, Cr, h, w]`, `owner [M]` (image of each pair) -> `[M, C, h, w]`."""
        seen = [
            F.relu_(add_image_part(branch.read_part(read), shared, owner))
            for branch, shared in zip(self._branches(), query_part, strict=True)
        ]
        return self.dropout(F.relu_(self.join(torch.cat(seen, dim=1))))
