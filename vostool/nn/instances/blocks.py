"""The ensembler's residual block and its ASPP (CFBI, section 3.4).

Axes: M rows (views x instances), C channels, h x w feature pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from vostool.nn.instances.gates import ChannelGate

GROUPS = 32
EXPANSION = 4


class BottleneckInput(NamedTuple):
    """What further input channels add to a block, before its normalisation.

    Attributes:
        reduced: `[M, C' / 4, h, w]` for the main path.
        projected: `[M, C', h, w]` for the shortcut.
    """

    reduced: torch.Tensor
    projected: torch.Tensor


class GatedBottleneck(nn.Module):
    """Channel gate, 1x1, 3x3, 1x1 with GroupNorm, added to the input (or its 1x1 projection).

    Args:
        in_channels, channels: of input and result; `channels` is a multiple of 128.
        stride, dilation: of the 3x3 convolution.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1, dilation: int = 1):
        super().__init__()
        middle = channels // EXPANSION
        self.gate = ChannelGate(in_channels)
        self.reduce = _conv_norm(in_channels, middle, 1)
        self.spread = _conv_norm(middle, middle, 3, stride, dilation)
        self.expand = _conv_norm(middle, channels, 1)
        same = stride == 1 and in_channels == channels
        self.project = nn.Sequential() if same else _conv_norm(in_channels, channels, 1, stride)

    def forward(self, x: torch.Tensor, extra: BottleneckInput | None = None) -> torch.Tensor:
        """`[M, C, h, w]` -> `[M, C', h / stride, w / stride]`.

        Args:
            extra: further input channels, with weights of their own.
        """
        reduced = self.reduce[0](self.gate(x))
        if extra is None:
            residual = self.project(x)
        else:
            reduced = reduced + extra.reduced
            residual = self.project[1](self.project[0](x) + extra.projected)
        found = F.relu(self.reduce[1](reduced))
        found = self.expand(F.relu(self.spread(found)))
        return F.relu(found + residual)


class AppendedChannels(nn.Module):
    """Input channels that are appended to a projecting block of stride 1, with zero weights.

    A convolution over a concatenation is the sum of two: the block keeps its parameters, and until
    these here are trained it computes what it did without them. Neither the instance gate nor the
    channel gate sees the appended channels.
    """

    def __init__(self, in_channels: int, block: GatedBottleneck):
        super().__init__()
        self.reduce = nn.Conv2d(in_channels, _width(block.reduce), 1, bias=False)
        self.project = nn.Conv2d(in_channels, _width(block.project), 1, bias=False)
        nn.init.zeros_(self.reduce.weight)
        nn.init.zeros_(self.project.weight)

    def forward(self, x: torch.Tensor) -> BottleneckInput:
        """`[M, C, h, w]`."""
        return BottleneckInput(self.reduce(x), self.project(x))


class GatedASPP(nn.Module):
    """Branches of several rates and a pooled one, joined by a 1x1 convolution.

    A channel gate stands before each atrous branch and before the join; the pooled branch has no
    normalisation.

    Args:
        in_channels, branch_channels, channels: of input, each branch and the result.
        rates: one branch each; 1 stands for a 1x1 convolution.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        branch_channels: int = 128,
        rates: Sequence[int] = (1, 6, 12, 18),
    ):
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(
                ChannelGate(in_channels),
                *_conv_norm(in_channels, branch_channels, 1 if rate == 1 else 3, dilation=rate),
            )
            for rate in rates
        )
        self.pooled = nn.Conv2d(in_channels, branch_channels, 1, bias=False)
        joined = branch_channels * (len(rates) + 1)
        self.join = nn.Sequential(ChannelGate(joined), *_conv_norm(joined, channels, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`[M, C, h, w]` -> `[M, C', h, w]`."""
        pooled = F.relu(self.pooled(x.mean((2, 3), keepdim=True)))
        seen = [F.relu(branch(x)) for branch in self.branches]
        seen.append(pooled.expand(-1, -1, *x.shape[2:]))
        return F.relu(self.join(torch.cat(seen, 1)))


def _conv_norm(
    in_channels: int, channels: int, size: int, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    padding = dilation * (size // 2)
    conv = nn.Conv2d(in_channels, channels, size, stride, padding, dilation, bias=False)
    return nn.Sequential(conv, nn.GroupNorm(GROUPS, channels))


def _width(part: nn.Sequential) -> int:
    """Output channels of a convolution with its norm."""
    if not part or not isinstance(part[0], nn.Conv2d):
        raise ValueError("channels can be appended only to a block that projects its input")
    return part[0].out_channels
