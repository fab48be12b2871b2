"""Pixel embeddings for matching: CFBI's at stride 4, CFBI+'s pyramid, and PANet's way back up.

Axes: V images, C channels, h x w feature pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

GROUPS = 32


class Pyramid(NamedTuple):
    """Maps `[V, C, h, w]` at strides 4, 8 and 16."""

    stride4: torch.Tensor
    stride8: torch.Tensor
    stride16: torch.Tensor


class PixelEmbedding(nn.Module):
    """Depthwise 3x3 and 1x1 convolutions with GroupNorm and ReLU (CFBI)."""

    def __init__(self, in_channels: int, channels: int = 100):
        super().__init__()
        self.depthwise = nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels)
        self.depthwise_norm = nn.GroupNorm(GROUPS, in_channels)
        self.pointwise = nn.Conv2d(in_channels, channels, 1)
        self.pointwise_norm = nn.GroupNorm(channels // 4, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`[V, C, h, w]` -> `[V, C', h, w]`."""
        x = F.relu(self.depthwise_norm(self.depthwise(x)))
        return F.relu(self.pointwise_norm(self.pointwise(x)))


class FeaturePyramid(nn.Module):
    """Top-down pyramid (FPN) with GroupNorm: laterals, bilinear additions, smoothing (CFBI+)."""

    def __init__(self, in_channels: tuple[int, int, int], channels: int = 256):
        super().__init__()
        fine, middle, top = in_channels
        self.lateral4 = _conv_norm(fine, channels, 1)
        self.lateral8 = _conv_norm(middle, channels, 1)
        self.lateral16 = _conv_norm(top, channels, 1)
        self.smooth4 = _conv_norm(channels, channels, 3)
        self.smooth8 = _conv_norm(channels, channels, 3)

    def forward(self, maps: Pyramid) -> Pyramid:
        """Maps of any channels at three strides -> `channels` each, after ReLU."""
        top = self.lateral16(maps.stride16)
        middle = _enlarged_sum(top, self.lateral8(maps.stride8))
        fine = _enlarged_sum(middle, self.lateral4(maps.stride4))
        return Pyramid(F.relu(self.smooth4(fine)), F.relu(self.smooth8(middle)), F.relu(top))


class PathAggregation(nn.Module):
    """PANet's way back up: N4 = P4, N8 = down(N4) + P8, N16 = down(N8) + P16, each then 3x3.

    Sizes 16k + 1 halve to sizes 8k + 1 by a convolution of stride 2.
    """

    def __init__(self, channels: int = 256):
        super().__init__()
        self.down4 = _conv_norm(channels, channels, 3, stride=2)
        self.down8 = _conv_norm(channels, channels, 3, stride=2)
        self.smooth = nn.ModuleList(_conv_norm(channels, channels, 3) for _ in Pyramid._fields)

    def forward(self, maps: Pyramid) -> Pyramid:
        """Same shapes in and out."""
        middle = self.down4(maps.stride4) + maps.stride8
        top = self.down8(middle) + maps.stride16
        joined = zip(self.smooth, (maps.stride4, middle, top), strict=True)
        return Pyramid(*(F.relu(smooth(part)) for smooth, part in joined))


def _conv_norm(in_channels: int, channels: int, size: int, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(in_channels, channels, size, stride, size // 2, bias=False)
    return nn.Sequential(conv, nn.GroupNorm(GROUPS, channels))


def _enlarged_sum(coarse: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
    return fine + F.interpolate(coarse, fine.shape[2:], mode="bilinear", align_corners=True)
