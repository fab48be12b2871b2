"""Key and value heads, and the convolution whose input comes in two parts.

Axes: V images, M (image, object) pairs, h x w feature pixels.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class KeyValueHead(nn.Module):
    """Two parallel 3x3 convolutions without activation (STM section 3.1)."""

    def __init__(self, in_channels: int, key_channels: int, value_channels: int):
        super().__init__()
        self.key = nn.Conv2d(in_channels, key_channels, 3, padding=1)
        self.value = nn.Conv2d(in_channels, value_channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """`[M, C, h, w]` -> key `[M, h*w, Ck]`, value `[M, Cv, h, w]`."""
        return self.key(x).flatten(2).transpose(1, 2), self.value(x)


class ReadQueryConv2d(nn.Conv2d):
    """Convolution over concat(memory read-out, query value), computed in its two halves.

    Convolution is linear in its input, so the half that sees the query value, which no object
    changes, is computed once per image. The parameters are those of the plain convolution.
    """

    def __init__(
        self,
        read_channels: int,
        query_channels: int,
        out_channels: int,
        kernel_size: int,
        dilation: int = 1,
        bias: bool = True,
    ):
        padding = dilation * (kernel_size // 2)
        super().__init__(
            read_channels + query_channels,
            out_channels,
            kernel_size,
            padding=padding,
            dilation=dilation,
            bias=bias,
        )
        self.read_channels = read_channels

    def query_part(self, query_value: torch.Tensor) -> torch.Tensor:
        """`[V, Cq, h, w]` -> `[V, C, h, w]`, bias included."""
        return self._convolve(query_value, self.weight[:, self.read_channels :], self.bias)

    def read_part(self, read: torch.Tensor) -> torch.Tensor:
        """`[M, Cr, h, w]` -> `[M, C, h, w]`, without bias."""
        return self._convolve(read, self.weight[:, : self.read_channels], None)

    def _convolve(
        self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        return F.conv2d(x, weight, bias, 1, self.padding, self.dilation)
