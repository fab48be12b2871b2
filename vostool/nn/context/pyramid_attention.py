"""Feature pyramid attention (Pyramid Attention Network, BMVC 2018).

Axes: M maps, C channels, h x w feature pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

CHANNELS_PER_GROUP = 4
"""At least: the coarsest level may be a single pixel."""
SIZES = (7, 5, 3)
"""Kernels on the way down, each of stride 2, and beside it."""

Norm = Callable[[int], nn.Module]


def group_norm(channels: int) -> nn.Module:
    """GroupNorm; published code has BatchNorm."""
    return nn.GroupNorm(min(32, channels // CHANNELS_PER_GROUP), channels)


class PyramidAttention(nn.Module):
    """A pyramid of 7x7, 5x5 and 3x3 convolutions weighs a 1x1 of the map; plus a pooled branch.

    On the way up maps are resized bilinearly to the exact size of what they join, so that any size
    fits. There is no normalisation on the pooled branch.

    Args:
        channels: of input and result.
        middle: of the pyramid; by default a quarter.
        norm: normalisation.
    """

    def __init__(self, channels: int = 256, middle: int | None = None, norm: Norm = group_norm):
        super().__init__()
        middle = middle or channels // 4
        self.master = nn.Sequential(nn.Conv2d(channels, channels, 1, bias=False), norm(channels))
        self.pooled = nn.Conv2d(channels, channels, 1)
        self.down = nn.ModuleList(
            _conv(channels if index == 0 else middle, middle, size, 2, norm)
            for index, size in enumerate(SIZES)
        )
        self.beside = nn.ModuleList(_conv(middle, middle, size, 1, norm) for size in SIZES)
        self.attend = self._attending(channels, middle)

    def _attending(self, channels: int, middle: int) -> nn.Module:
        return nn.Conv2d(middle, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`[M, C, h, w]` -> the same shape."""
        pooled = self.pooled(x.mean((2, 3), keepdim=True))
        return self.master(x) * self._attention(x) + pooled

    def _attention(self, x: torch.Tensor) -> torch.Tensor:
        """The weights `[M, C, h, w]`."""
        return self.attend(_resized(self._pyramid(x), x))

    def _pyramid(self, x: torch.Tensor) -> torch.Tensor:
        """What comes up to half the size, `[M, C / 4, h / 2, w / 2]`."""
        levels = []
        for down in self.down:
            x = F.relu(down(x))
            levels.append(x)
        found = self.beside[-1](levels[-1])
        for index in (1, 0):
            found = F.relu(
                self.beside[index](levels[index]) + self._up(index, found, levels[index])
            )
        return found

    def _up(self, index: int, coarse: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
        """A level enlarged to the size of the next finer one."""
        return _resized(coarse, fine)


class TransposedPyramidAttention(PyramidAttention):
    """As in public code: transposed convolutions with norm and ReLU enlarge, a last ReLU.

    Sizes that do not divide by 8 are cut to what they join; public code refuses them. Its norm on
    the pooled branch is left out here: over one pixel and one image it has no statistics.
    """

    def __init__(self, channels: int = 256, middle: int | None = None, norm: Norm = group_norm):
        super().__init__(channels, middle, norm)
        middle = middle or channels // 4
        self.up = nn.ModuleList(_transposed(middle, middle, norm) for _ in SIZES[1:])
        self.attend = _transposed(middle, channels, norm)

    def _attending(self, channels: int, middle: int) -> nn.Module:
        return nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`[M, C, h, w]` -> the same shape."""
        return F.relu(super().forward(x))

    def _attention(self, x: torch.Tensor) -> torch.Tensor:
        return _cut(F.relu(self.attend(self._pyramid(x))), x)

    def _up(self, index: int, coarse: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
        return _cut(F.relu(self.up[index](coarse)), fine)


def _conv(in_channels: int, channels: int, size: int, stride: int, norm: Norm) -> nn.Sequential:
    conv = nn.Conv2d(in_channels, channels, size, stride, size // 2, bias=False)
    return nn.Sequential(conv, norm(channels))


def _transposed(in_channels: int, channels: int, norm: Norm) -> nn.Sequential:
    conv = nn.ConvTranspose2d(in_channels, channels, 4, stride=2, padding=1, bias=False)
    return nn.Sequential(conv, norm(channels))


def _resized(coarse: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
    return F.interpolate(coarse, fine.shape[2:], mode="bilinear", align_corners=True)


def _cut(large: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
    """Doubled sizes exceed an odd size by one."""
    return large[..., : fine.shape[2], : fine.shape[3]]
