"""What global and local matching share: bounded distances and their background counterparts.

Axes: V views, K = N + 1 instances (background first), h x w feature pixels.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class BoundedDistance(nn.Module):
    """2 * sigmoid(d + b) - 1 with one learned b for the background and one for all objects.

    CFBI (ECCV 2020, section 3.1). The result is in (-1, 1]: it is negative where d + b is, and
    exactly 1 where d is infinite, that is, where there is nothing to match.
    """

    def __init__(self) -> None:
        super().__init__()
        self.background = nn.Parameter(torch.zeros(()))
        self.foreground = nn.Parameter(torch.zeros(()))

    def forward(self, squared: torch.Tensor) -> torch.Tensor:
        """Squared distances float32 `[V, K, ...]`, infinity allowed -> the same shape."""
        instances = squared.shape[1]
        bias = torch.stack([self.background, *[self.foreground] * (instances - 1)])
        shape = (1, instances, *[1] * (squared.ndim - 2))
        return 2 * torch.sigmoid(squared + bias.float().view(shape)) - 1


def background_counterpart(distances: torch.Tensor) -> torch.Tensor:
    """For each instance the smallest distance to any other one (CFBI's background matching).

    The absolute background counts among the others; a lone instance is its own counterpart.

    Args:
        distances: `[V, K, ...]`.
    """
    if distances.shape[1] == 1:
        return distances
    two = distances.topk(2, dim=1, largest=False)
    nearest, second = two.values[:, :1], two.values[:, 1:]
    rows = torch.arange(distances.shape[1], device=distances.device)
    mine = two.indices[:, :1] == rows.view(1, -1, *[1] * (distances.ndim - 2))
    return torch.where(mine, second, nearest)


def labels_at(labels: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Hard labels int64 `[V, H, W]` -> `[V, h, w]` by nearest interpolation."""
    return F.interpolate(labels[:, None].float(), size, mode="nearest")[:, 0].long()


def one_hot_instances(labels: torch.Tensor, instances: int) -> torch.Tensor:
    """Labels `[V, h, w]` -> float32 `[V, K, h, w]`; labels outside 0..K-1 belong to none."""
    rows = torch.arange(instances, device=labels.device)
    return (labels[:, None] == rows[:, None, None]).float()
