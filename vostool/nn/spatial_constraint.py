"""Spatial constraint from the previous frame's mask (SCMN, paper 001, section 2.1).

Axes: V views or clips, N objects, M (image, object) pairs, h x w feature pixels.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

WEIGHT_SCALE = 1e-3
OPEN_BIAS = 2.0
"""sigmoid(2) = 0.88: an untrained constraint lets nearly everything pass."""


class SpatialConstraint(nn.Module):
    """Multiplies features by a map in (0, 1) that one convolution makes of them and a prior.

    Args:
        channels: of the features.
        prior_weight: how much lower the map's logit is, before training, where nothing of the
            prior is near than amid it. 0: an untrained constraint does not look at the prior.
    """

    def __init__(self, channels: int, prior_weight: float = 0.0):
        super().__init__()
        self.conv = nn.Conv2d(channels + 1, 1, 3, padding=1)
        nn.init.normal_(self.conv.weight, std=WEIGHT_SCALE)
        assert self.conv.bias is not None
        nn.init.constant_(self.conv.bias, OPEN_BIAS - prior_weight)
        with torch.no_grad():
            self.conv.weight[0, -1] += prior_weight / self.conv.weight[0, -1].numel()

    def of_masks(self, masks: torch.Tensor) -> torch.Tensor:
        """See `prior_of_masks`."""
        return prior_of_masks(masks)

    def forward(self, features: torch.Tensor, prior: torch.Tensor) -> torch.Tensor:
        """`[M, C, h, w]`, prior `[M, h, w]` in [0, 1] -> `[M, C, h, w]`.

        Features of an object whose prior is empty pass unchanged: it was hidden, or out of view,
        and may come back anywhere.
        """
        prior = prior[:, None].to(features.dtype)
        passed = self.conv(torch.cat([features, prior], dim=1)).sigmoid()
        empty = prior.amax(dim=(-2, -1), keepdim=True) == 0
        return features * torch.where(empty, torch.ones_like(passed), passed)


def prior_of_masks(masks: torch.Tensor, stride: int = 16) -> torch.Tensor:
    """What part of each feature pixel an object had in the previous frame.

    A pixel is the object's where no other object and no background is likelier, as in the mask
    that is written out.

    Args:
        masks: `[V, N, H, W]` in [0, 1], after soft aggregation or one-hot; what is missing to a
            sum of 1 is background. H and W are multiples of `stride`.

    Returns:
        float32 `[V, N, H / stride, W / stride]` in [0, 1]; 0 throughout only for an object
        without a single pixel.
    """
    masks = masks.detach().float()
    if not masks.shape[1]:
        return masks[..., ::stride, ::stride]
    background = 1 - masks.sum(1, keepdim=True)
    likeliest = torch.maximum(masks.amax(1, keepdim=True), background)
    return F.avg_pool2d((masks >= likeliest).float(), stride)
