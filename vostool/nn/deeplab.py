"""DeepLabv3+'s ASPP and decoder (ECCV 2018), with aligned corners.

Axes: V images, C channels, h x w feature pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

LOW_CHANNELS = 48


class DeepLabASPP(nn.Module):
    """Convolutions of several rates and a pooled branch, joined by a 1x1; BatchNorm, ReLU.

    Args:
        in_channels, channels: of the input, and of each branch and the result.
        rates: one branch each; 1 stands for a 1x1 convolution.
        dropout: on the result, while training.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int = 256,
        rates: Sequence[int] = (1, 6, 12, 18),
        dropout: float = 0.1,
    ):
        super().__init__()
        self.branches = nn.ModuleList(
            conv_norm_relu(in_channels, channels, 1 if rate == 1 else 3, rate) for rate in rates
        )
        self.pooled = conv_norm_relu(in_channels, channels, 1)
        self.join = conv_norm_relu(channels * (len(rates) + 1), channels, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`[V, C, h, w]` -> `[V, C', h, w]`."""
        seen = [branch(x) for branch in self.branches]
        pooled = self.pooled(x.mean((2, 3), keepdim=True))
        seen.append(pooled.expand(-1, -1, *x.shape[2:]))
        return self.dropout(self.join(torch.cat(seen, 1)))


class DeepLabDecoder(nn.Module):
    """Joins upsampled context with features at stride 4.

    Args:
        low_channels: of the features at stride 4.
        channels: of the context and of the result.
        dropout: after the first and after the second 3x3 convolution, while training.
    """

    def __init__(
        self, low_channels: int, channels: int = 256, dropout: tuple[float, float] = (0.5, 0.1)
    ):
        super().__init__()
        self.low = conv_norm_relu(low_channels, LOW_CHANNELS, 1)
        self.first = conv_norm_relu(channels + LOW_CHANNELS, channels, 3)
        self.second = conv_norm_relu(channels, channels, 3)
        self.dropouts = nn.ModuleList(nn.Dropout(part) for part in dropout)

    def forward(self, context: torch.Tensor, low: torch.Tensor) -> torch.Tensor:
        """Context `[V, C, h, w]`, low `[V, Cl, 4h, 4w]` -> `[V, C, 4h, 4w]`."""
        low = self.low(low)
        large = F.interpolate(context, low.shape[2:], mode="bilinear", align_corners=True)
        first = self.dropouts[0](self.first(torch.cat([large, low], 1)))
        return self.dropouts[1](self.second(first))


def conv_norm_relu(in_channels: int, channels: int, size: int, rate: int = 1) -> nn.Sequential:
    """A convolution without bias that keeps the size, BatchNorm, ReLU."""
    padding = rate * (size // 2)
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, size, padding=padding, dilation=rate, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    )
