"""STM's decoder (ICCV 2019, section 3.3), with the object-independent part split off.

Axes: V images, M (image, object) pairs; `owner [M]` gives the image of each pair.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from vostool.nn.pairs import add_image_part


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(relu(x)))), 3x3, without normalisation."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`[M, C, h, w]` -> the same shape."""
        # The first ReLU must not work in place, x is added below; fresh results may be changed.
        return self.conv2(F.relu_(self.conv1(F.relu(x)))).add_(x)


class Refine(nn.Module):
    """Adds a finer skip feature to the upsampled decoder state."""

    def __init__(self, skip_channels: int, channels: int):
        super().__init__()
        self.skip_conv = nn.Conv2d(skip_channels, channels, 3, padding=1)
        self.skip_block = ResidualBlock(channels)
        self.block = ResidualBlock(channels)

    def prepare(self, skip: torch.Tensor) -> torch.Tensor:
        """`[V, Cs, 2h, 2w]` -> `[V, C, 2h, 2w]`, the same for all objects."""
        return self.skip_block(self.skip_conv(skip))

    def forward(
        self, state: torch.Tensor, prepared: torch.Tensor, owner: torch.Tensor
    ) -> torch.Tensor:
        """`[M, C, h, w]` -> `[M, C, 2h, 2w]`."""
        larger = F.interpolate(
            state, size=prepared.shape[-2:], mode="bilinear", align_corners=False
        )
        return self.block(add_image_part(larger, prepared, owner))


class Skips(NamedTuple):
    """Skip features after their own convolutions: `[V, C, H/8, W/8]` and `[V, C, H/4, W/4]`."""

    stride8: torch.Tensor
    stride4: torch.Tensor


class Decoder(nn.Module):
    """From the compressed read-out at stride 16 to object / background logits at full size."""

    def __init__(self, skip4_channels: int, skip8_channels: int, channels: int = 256):
        super().__init__()
        self.block = ResidualBlock(channels)
        self.refine8 = Refine(skip8_channels, channels)
        self.refine4 = Refine(skip4_channels, channels)
        self.predict = nn.Conv2d(channels, 2, 3, padding=1)

    def prepare(self, skip4: torch.Tensor, skip8: torch.Tensor) -> Skips:
        """The part that sees no object: once per image, shared by all objects and memories."""
        return Skips(self.refine8.prepare(skip8), self.refine4.prepare(skip4))

    def forward(self, x: torch.Tensor, skips: Skips, owner: torch.Tensor) -> torch.Tensor:
        """Compressed read-out `[M, C, H/16, W/16]` -> logits `[M, 2, H, W]`, object second."""
        x = self.block(x)
        x = self.refine8(x, skips.stride8, owner)
        x = self.refine4(x, skips.stride4, owner)
        logits = self.predict(F.relu(x))
        return F.interpolate(logits, scale_factor=4, mode="bilinear", align_corners=False)
