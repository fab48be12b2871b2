"""Residual refinement of an object's map at full size (SCMN, paper 001, section 2.2).

The paper gives input (the map before soft aggregation), kind (3x3 convolutions and ReLU, down and
up again) and use; levels, widths and the residual are those of BASNet's refinement network (Qin et
al., CVPR 2019), here with convolutions of stride 2 instead of pooling and without normalisation.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

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
        self.up = nn.ModuleList(conv(2 * channels) for _ in range(LEVELS))
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
        x = F.relu(self.enter(logits))
        finer = []
        for down in self.down:
            finer.append(x)
            x = F.relu(down(x))
        x = F.relu(self.bridge(x))
        for up in self.up:
            skip = finer.pop()
            x = F.interpolate(x, size=skip.shape[-2:], mode="bilinear", align_corners=False)
            x = F.relu(up(torch.cat([x, skip], dim=1)))
        return self.leave(x)
