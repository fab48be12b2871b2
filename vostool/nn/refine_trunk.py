"""Refine-50: a trunk whose features get a top-down pyramid added (our definition).

Yu et al. (paper 004) name a backbone Refine-50, meant for objects of varying scale, and do not
describe it. Here it is a trunk with its stride-32 stage (layer4 of a ResNet) and a feature pyramid
(Lin et al., CVPR 2017): with C_k the trunk's features and up() to the next finer size,

    L_k = conv1x1(C_k),  P_5 = L_5,  P_k = L_k + up(P_{k+1}),  R_k = C_k + W_k conv3x3(P_k)

for k = 4, 3, 2, where the 1x1 projections W_k start at zero: at initialisation the result is that
of the plain trunk. Shapes are those of the plain trunk, so it can be used wherever one is.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from vostool.nn.trunk import Trunk

PYRAMID_CHANNELS = 256
COARSEST = 32


class RefineTrunk(nn.Module):
    """A `Trunk` with a zero-initialised feature pyramid on top.

    Args:
        trunk: with features at strides 4, 8, 16 and 32.
        pyramid_channels: width of the pyramid.

    Attributes:
        channels: numbers of channels at strides 4, 8, 16, those of the plain trunk.
    """

    def __init__(self, trunk: Trunk, pyramid_channels: int = PYRAMID_CHANNELS):
        super().__init__()
        self.trunk = trunk
        widths = self.trunk.channels
        self.channels: tuple[int, ...] = widths[:-1]
        self.laterals = nn.ModuleList(nn.Conv2d(width, pyramid_channels, 1) for width in widths)
        self.smooth = nn.ModuleList(
            nn.Conv2d(pyramid_channels, pyramid_channels, 3, padding=1) for _ in self.channels
        )
        self.project = nn.ModuleList(_zero(pyramid_channels, width) for width in self.channels)

    def forward(
        self,
        images: torch.Tensor,
        masks: torch.Tensor | None = None,
        owner: torch.Tensor | None = None,
    ) -> list[torch.Tensor]:
        """`[V, 3, H, W]` (and masks, see `MaskStem`) -> features at strides 4, 8, 16."""
        features = self.trunk(images, masks, owner)
        lateral = [conv(level) for conv, level in zip(self.laterals, features, strict=True)]
        above = lateral[-1]
        refined: list[torch.Tensor] = []
        for k in reversed(range(len(self.channels))):
            above = lateral[k] + _up(above, lateral[k])
            refined.append(features[k] + self.project[k](self.smooth[k](above)))
        return refined[::-1]


def _zero(inputs: int, outputs: int) -> nn.Conv2d:
    """A 1x1 convolution that gives 0 until it is trained."""
    conv = nn.Conv2d(inputs, outputs, 1)
    nn.init.zeros_(conv.weight)
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)
    return conv


def _up(coarse: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
    """To the size of `fine`, which is not twice as large where H / 16 or W / 16 is odd."""
    return F.interpolate(coarse, fine.shape[-2:], mode="bilinear", align_corners=False)
