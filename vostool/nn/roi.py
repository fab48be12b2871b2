"""Regions of interest: features below boxes, on grids of one size."""

from __future__ import annotations

import torch
from torch.nn import functional as F

SAMPLES = 2
"""Points per output cell and direction (the published sampling ratio)."""


def roi_align(
    features: torch.Tensor,
    boxes: torch.Tensor,
    owner: torch.Tensor,
    size: int,
    scale: float,
    aligned: bool = True,
    samples: int = SAMPLES,
) -> torch.Tensor:
    """Mean of bilinear samples in each cell of a box.

    Equal to `torchvision.ops.roi_align(sampling_ratio=samples)` for boxes inside the image, without
    its compiled operator; differentiable in features. Points outside take the border's value.

    Args:
        features: `[V, C, h, w]`.
        boxes: `[R, 4]` as x0, y0, x1, y1 in image pixels.
        owner: int64 `[R]`, the image (0..V-1) of each box.
        size: cells per side.
        scale: feature pixels per image pixel, such as 1 / 16.
        aligned: True where pixel centres lie at one half; False is the older convention that
            torchvision's detectors use (centres at whole numbers, boxes at least one pixel large).
        samples: points per cell and direction.

    Returns:
        `[R, C, size, size]` in the features' dtype.
    """
    height, width = features.shape[-2:]
    if not len(boxes):
        return features.new_zeros((0, features.shape[1], size, size))
    steps = (torch.arange(size * samples, device=boxes.device, dtype=boxes.dtype) + 0.5) / (
        size * samples
    )
    x0, y0, x1, y1 = (boxes * scale - 0.5 * aligned).unbind(-1)
    if not aligned:
        x1, y1 = torch.maximum(x1, x0 + 1), torch.maximum(y1, y0 + 1)
    columns = (x0[:, None] + steps * (x1 - x0)[:, None]).clamp(0, width - 1)
    rows = (y0[:, None] + steps * (y1 - y0)[:, None]).clamp(0, height - 1)
    grid = torch.stack(
        [
            _to_unit(columns, width)[:, None, :].expand(-1, size * samples, -1),
            _to_unit(rows, height)[:, :, None].expand(-1, -1, size * samples),
        ],
        dim=-1,
    ).to(features.dtype)
    order, pieces = [], []
    for image in range(len(features)):
        mine = (owner == image).nonzero()[:, 0]
        order.append(mine)
        pieces.append(_sample(features[image], grid[mine], size, samples))
    return torch.cat(pieces)[torch.cat(order).argsort()]


def _to_unit(positions: torch.Tensor, length: int) -> torch.Tensor:
    """Feature pixels 0..length-1 -> -1..1, as `grid_sample` with aligned corners wants them."""
    return 2 * positions / max(length - 1, 1) - 1 if length > 1 else torch.zeros_like(positions)


def _sample(features: torch.Tensor, grid: torch.Tensor, size: int, samples: int) -> torch.Tensor:
    """All boxes of one image `[C, h, w]` in one call, as one tall grid; `[R, C, size, size]`."""
    boxes = len(grid)
    if not boxes:
        return features.new_zeros((0, len(features), size, size))
    tall = grid.flatten(0, 1)[None]
    sampled = F.grid_sample(features[None], tall, mode="bilinear", align_corners=True)[0]
    cells = F.avg_pool2d(sampled, samples)
    return cells.unflatten(1, (boxes, size)).transpose(0, 1)
