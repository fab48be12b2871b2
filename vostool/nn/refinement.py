"""Residual refinement of an object's map at full size (SCMN, paper 001, section 2.2).

The paper gives input (the map before soft aggregation), kind (3x3 convolutions and ReLU, down and
up again) and use; levels, widths and the residual are those of BASNet's refinement network (Qin et
al., CVPR 2019), here with convolutions of stride 2 instead of pooling and without normalisation.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from vostool.nn.key_value import ReadQueryConv2d

LEVELS = 4


class Refinement(nn.Module):
    """z + R(z); R is 0 before training, so that an untrained refinement changes nothing.

    Args:
        channels: of all maps inside.
    """

    def __init__(self, channels: int = 64):
        super().__init__()

        def conv(inputs: int, stride: int = 1) -> nn.Conv2d:
            return nn.Conv2d(inputs, channels, 3, stride=stride, padding=1)

        self.enter = conv(2)
        self.down = nn.ModuleList(conv(channels, stride=2) for _ in range(LEVELS))
        self.bridge = conv(channels)
        self.up = nn.ModuleList(
            ReadQueryConv2d(channels, channels, channels, 3) for _ in range(LEVELS)
        )
        self.leave = nn.Conv2d(channels, 2, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        assert self.leave.bias is not None
        nn.init.zeros_(self.leave.bias)

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        """`[M, 2, H, W]` of any size -> the same, float32."""
        if torch.is_grad_enabled():
            return logits.float() + self._residual(logits).float()
        # One pair at a time: a map at full size is 64 channels, and no quicker in company.
        return torch.cat([one.float() + self._residual(one).float() for one in logits.split(1)])

    def _residual(self, logits: torch.Tensor) -> torch.Tensor:
        # In place and in two halves: new maps of this size cost more than much of the arithmetic.
        x = self.enter(logits).relu_()
        finer = []
        for down in self.down:
            finer.append(x)
            x = down(x).relu_()
        x = self.bridge(x).relu_()
        for up in self._ups():
            skip = finer.pop()
            x = F.interpolate(x, size=skip.shape[-2:], mode="bilinear", align_corners=False)
            x = up.query_part(skip).add_(up.read_part(x)).relu_()
        return self.leave(x)

    def _ups(self) -> list[ReadQueryConv2d]:
        return [up for up in self.up if isinstance(up, ReadQueryConv2d)]
