"""Object context (OCNet): each pixel gathers from those that are alike.

Axes: V images, C channels, h x w feature pixels, n = h * w tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.nn import functional as F

GROUPS = 32

Activate = Callable[[int], nn.Module]
"""Number of channels -> normalisation and activation."""


def group_norm_relu(channels: int) -> nn.Module:
    """GroupNorm and ReLU; published OCNet has batch-normalised leaky ReLU here."""
    return nn.Sequential(nn.GroupNorm(GROUPS, channels), nn.ReLU())


class SelfAttention(nn.Module):
    """W softmax(k k^T / sqrt(Ck)) V: queries and keys are one transform; W begins at zero.

    Args:
        in_channels, channels: of input and result.
        key_channels, value_channels: of keys (and queries) and of values.
        scale: side of the max-pooling before; the result is enlarged again.
        activate: what follows the key's convolution.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        key_channels: int,
        value_channels: int,
        scale: int = 1,
        activate: Activate = group_norm_relu,
    ):
        super().__init__()
        self.scale = scale
        self.key = nn.Sequential(nn.Conv2d(in_channels, key_channels, 1), activate(key_channels))
        self.value = nn.Conv2d(in_channels, value_channels, 1)
        self.out = nn.Conv2d(value_channels, channels, 1)
        nn.init.zeros_(self.out.weight)
        assert self.out.bias is not None
        nn.init.zeros_(self.out.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`[V, C, h, w]` -> `[V, C', h, w]`."""
        size = x.shape[2:]
        if self.scale > 1:
            # A map smaller than the pool is pooled to one pixel.
            x = F.max_pool2d(x, (min(self.scale, size[0]), min(self.scale, size[1])))
        key = self.key(x).flatten(2).transpose(1, 2)
        value = self.value(x).flatten(2).transpose(1, 2)
        gathered = F.scaled_dot_product_attention(key, key, value)
        context = self.out(gathered.transpose(1, 2).unflatten(2, x.shape[2:]))
        if self.scale > 1:
            context = F.interpolate(context, size, mode="bilinear", align_corners=True)
        return context


class ObjectContext(nn.Module):
    """Base-OC: 1x1 over concat(context, x). Keys and values have half the channels by default.

    Args:
        channels: of input and result.
        key_channels, value_channels: by default half of them.
        dropout: probability that a channel of the result is dropped while training.
        activate: normalisation and activation after convolutions.
    """

    def __init__(
        self,
        channels: int = 256,
        key_channels: int | None = None,
        value_channels: int | None = None,
        dropout: float = 0.05,
        activate: Activate = group_norm_relu,
    ):
        super().__init__()
        keys, values = key_channels or channels // 2, value_channels or channels // 2
        self.attention = SelfAttention(channels, channels, keys, values, activate=activate)
        self.join = nn.Sequential(
            nn.Conv2d(2 * channels, channels, 1), activate(channels), nn.Dropout2d(dropout)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`[V, C, h, w]` -> the same shape."""
        return self.join(torch.cat([self.attention(x), x], 1))


class AtrousObjectContext(nn.Module):
    """ASP-OC: object context on a map pooled by 2, a 1x1 and three atrous branches, joined.

    Published OCNet ends at twice the branches' channels (rates 12, 24, 36 are for stride 8).

    Args:
        in_channels, branch_channels, channels: of input, each of five branches, and the result.
        rates: of the atrous branches.
        dropout: probability that a channel of the result is dropped while training.
        activate: normalisation and activation after convolutions.
    """

    def __init__(
        self,
        in_channels: int,
        branch_channels: int = 256,
        channels: int | None = None,
        rates: Sequence[int] = (6, 12, 18),
        dropout: float = 0.1,
        activate: Activate = group_norm_relu,
    ):
        super().__init__()
        channels = channels or 2 * branch_channels
        self.context = nn.Sequential(
            nn.Conv2d(in_channels, branch_channels, 3, padding=1),
            activate(branch_channels),
            SelfAttention(
                branch_channels,
                branch_channels,
                branch_channels // 2,
                branch_channels,
                scale=2,
                activate=activate,
            ),
            nn.Conv2d(branch_channels, branch_channels, 1),
            activate(branch_channels),
        )
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(
                    in_channels,
                    branch_channels,
                    1 if rate == 0 else 3,
                    padding=rate,
                    dilation=max(rate, 1),
                    bias=False,
                ),
                activate(branch_channels),
            )
            for rate in (0, *rates)
        )
        self.join = nn.Sequential(
            nn.Conv2d((len(rates) + 2) * branch_channels, channels, 1, bias=False),
            activate(channels),
            nn.Dropout2d(dropout),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`[V, C, h, w]` -> `[V, C', h, w]`."""
        return self.join(torch.cat([self.context(x), *(part(x) for part in self.branches)], 1))
