"""A trunk whose coarsest features get context added that begins at zero.

R = C + W context(conv1x1(C)) at stride 16, with a 1x1 projection W that starts at zero: at first
the features are those of the plain trunk, whatever the context.
"""

from __future__ import annotations

import torch
from torch import nn

from vostool.nn.trunk import Trunk


class ContextTrunk(nn.Module):
    """A `Trunk` with context on its coarsest features; used wherever a trunk is.

    Args:
        trunk: with features at strides 4, 8 and 16.
        context: `[V, C, h, w]` -> the same shape.
        channels: C, what the coarsest features are brought to for it.

    Attributes:
        channels: numbers of channels at the strides, those of the plain trunk.
    """

    def __init__(self, trunk: Trunk, context: nn.Module, channels: int):
        super().__init__()
        self.trunk = trunk
        self.channels: tuple[int, ...] = trunk.channels
        self.reduce = nn.Conv2d(trunk.channels[-1], channels, 1)
        self.context = context
        self.project = nn.Conv2d(channels, trunk.channels[-1], 1)
        nn.init.zeros_(self.project.weight)
        assert self.project.bias is not None
        nn.init.zeros_(self.project.bias)

    def forward(
        self,
        images: torch.Tensor,
        masks: torch.Tensor | None = None,
        owner: torch.Tensor | None = None,
    ) -> list[torch.Tensor]:
        """`[V, 3, H, W]` (and masks, see `MaskStem`) -> features at strides 4, 8, 16."""
        *fine, coarse = self.trunk(images, masks, owner)
        return [*fine, coarse + self.project(self.context(self.reduce(coarse)))]
