"""The dynamic head: weights of the last layer come from each instance's vector (CFBI).

Axes: V views, K instances (background first), M = V * K rows, C channels, h x w pixels.
"""

from __future__ import annotations

import torch
from torch import nn


class DynamicHead(nn.Module):
    """Foreground and background logits f and g of each instance, by two generated 1x1 layers."""

    def __init__(self, vector_channels: int, channels: int):
        super().__init__()
        self.foreground = nn.Linear(vector_channels, channels + 1)
        self.background = nn.Linear(vector_channels, channels + 1)

    def forward(self, x: torch.Tensor, vectors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """`[V, K, C, h, w]`, vectors `[V, K, A]` -> f and g, `[V, K, h, w]` each."""
        return _weighted(x, self.foreground(vectors)), _weighted(x, self.background(vectors))


def _weighted(x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """`[V, K, C, h, w]` with `[V, K, C + 1]`, the bias last -> `[V, K, h, w]`."""
    found = torch.einsum("vkchw,vkc->vkhw", x, weights[..., :-1])
    return found + weights[..., -1, None, None]


def min_background_logits(foreground: torch.Tensor, background: torch.Tensor) -> torch.Tensor:
    """f, g `[V, K, h, w]` of all instances -> logits z.

    z_o = f_o for objects, z_0 = f_0 + min over objects of g_o: a pixel is background where every
    object says so. A lone background has z_0 = f_0.
    """
    if foreground.shape[1] == 1:
        return foreground
    lifted = foreground[:, :1] + background[:, 1:].amin(1, keepdim=True)
    return torch.cat([lifted, foreground[:, 1:]], 1)
