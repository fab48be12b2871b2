"""Dilation that grows from block to block of a ResNet's last stage (DeepLab's multi-grid)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

BASE = 2
"""Dilation of a last stage that keeps stride 16."""


def dilate_last_stage(net: nn.Module, grid: Sequence[int]) -> None:
    """Set the dilation of the last stage's blocks to 2 * grid, in place.

    A stage of fewer blocks takes the first of the grid, one of more repeats its last. Networks
    without a `layer4` keep the dilation that they have.
    """
    stage = getattr(net, "layer4", None)
    if not isinstance(stage, nn.Sequential) or not grid:
        return
    for index, block in enumerate(stage):
        dilation = BASE * grid[min(index, len(grid) - 1)]
        for conv in block.modules():
            if isinstance(conv, nn.Conv2d) and conv.kernel_size == (3, 3):
                conv.dilation = conv.padding = (dilation, dilation)
