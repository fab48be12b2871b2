"""A light network that decides per pixel and object how much each member counts (CAMN, 2.3).

The paper trains such a network and does not describe it; this definition is ours. Its weights are
shared by all objects, so that their order does not matter and there may be any number of them.

Axes: Q members, K objects, H x W pixels.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from vostool.nn.aggregation import soft_aggregate

FLOOR = 1e-4
"""Members' probabilities are taken as within [floor, 1 - floor]."""
SHRINK = 2
"""The network looks at planes of 1 / SHRINK of the size; its decisions are enlarged again."""
GROUPS = 8


class FusionNetwork(nn.Module):
    """Weights of the members and a residual, of what they say of one object.

    Untrained, it gives every member the same weight and no residual: each object's logit is the
    mean of its members' logits.

    Args:
        members: Q.
        width: channels.
    """

    def __init__(self, members: int, width: int = 32):
        super().__init__()
        self.members = members
        self.layers = nn.Sequential(
            *_layer(4 * members + 2, width, 1), *_layer(width, width, 2), *_layer(width, width, 4)
        )
        self.decide = nn.Conv2d(width, members + 1, 1)
        nn.init.zeros_(self.decide.weight)
        assert self.decide.bias is not None
        nn.init.zeros_(self.decide.bias)

    def forward(
        self, planes: torch.Tensor, dropped: int | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Fused logits and probabilities, float32 `[K+1, H, W]` each, as `soft_aggregate` has them.

        Args:
            planes: probabilities float32 `[Q, K+1, H, W]`, background first.
            dropped: a member that is left out; the weights of the others sum to 1.
        """
        objects = [self._logit(planes, row, dropped).sigmoid() for row in range(1, planes.shape[1])]
        found = torch.stack(objects) if objects else planes.new_zeros((0, *planes.shape[2:]))
        return soft_aggregate(found)

    def _logit(self, planes: torch.Tensor, row: int, dropped: int | None) -> torch.Tensor:
        """Fused logit `[H, W]` of an object."""
        size = planes.shape[2:]
        half = (max(1, size[0] // SHRINK), max(1, size[1] // SHRINK))
        small = F.interpolate(planes, half, mode="area")
        decisions = self.decide(self.layers(member_features(small, row)[None]))
        large = F.interpolate(decisions, size, mode="bilinear", align_corners=False)[0]
        scores, residual = large[:-1], large[-1]
        if dropped is not None:
            scores = scores.index_fill(0, torch.tensor(dropped, device=scores.device), -torch.inf)
        said = torch.logit(planes[:, row], eps=FLOOR)
        return (scores.softmax(0) * said).sum(0) + residual


def member_features(planes: torch.Tensor, row: int) -> torch.Tensor:
    """What the members say of an object: `[4Q + 2, H, W]` of `[Q, K+1, H, W]`.

    Per member its probability, the largest one of another object (0 if there is none), the
    background's and the entropy; then mean and variance of the object's over the members.
    """
    own, background = planes[:, row], planes[:, 0]
    others = torch.cat([planes[:, 1:row], planes[:, row + 1 :]], 1)
    rival = others.amax(1) if others.shape[1] else torch.zeros_like(own)
    entropy = torch.special.entr(planes.clamp(0, 1)).sum(1)
    both = torch.stack([own.mean(0), own.var(0, correction=0)])
    return torch.cat([own, rival, background, entropy, both])


def _layer(in_channels: int, channels: int, dilation: int) -> tuple[nn.Module, ...]:
    conv = nn.Conv2d(in_channels, channels, 3, padding=dilation, dilation=dilation)
    return conv, nn.GroupNorm(GROUPS, channels), nn.ReLU()
