"""Flip, pad and resize of `[..., H, W]` tensors, each with its inverse.

Pixel grids follow `align_corners=False`: the image plane is the same before and after resizing, so
that resizing to another size and back keeps every point where it was. With `aligned=True` the
centres of the corner pixels stay where they are instead, as networks of 16k + 1 pixels have it
(`align_corners=True`); then, too, resizing back keeps every point.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional


@dataclass(frozen=True)
class Padding:
    """Pixels added on each side."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    def __post_init__(self) -> None:
        if min(self.top, self.bottom, self.left, self.right) < 0:
            raise ValueError(f"padding cannot be negative: {self}")


def nearest_multiple(value: float, stride: int, remainder: int = 0) -> int:
    """The multiple of `stride` nearest to `value` (halves go up), at least one stride.

    With a remainder, that much more than a multiple.
    """
    return max(1, math.floor((value - remainder) / stride + 0.5)) * stride + remainder


def padding_to_multiple(height: int, width: int, stride: int, remainder: int = 0) -> Padding:
    """Padding to the next multiples of `stride`, split floor / ceil over the two sides.

    As in STM's released code the odd pixel goes below and to the right. With a remainder, to the
    next sizes that are that much more than a multiple.
    """
    rows, columns = (remainder - height) % stride, (remainder - width) % stride
    return Padding(rows // 2, rows - rows // 2, columns // 2, columns - columns // 2)


def pad(tensor: torch.Tensor, padding: Padding, value: float = 0.0) -> torch.Tensor:
    """Add a border of `value` around `[..., H, W]`."""
    sides = (padding.left, padding.right, padding.top, padding.bottom)
    return functional.pad(tensor, sides, value=value) if any(sides) else tensor


def unpad(tensor: torch.Tensor, padding: Padding) -> torch.Tensor:
    """Remove the border that `pad` added; the exact inverse."""
    height, width = tensor.shape[-2:]
    return tensor[..., padding.top : height - padding.bottom, padding.left : width - padding.right]


def flip(tensor: torch.Tensor) -> torch.Tensor:
    """Mirror left and right; its own inverse."""
    return tensor.flip(-1)


def resize_soft(
    tensor: torch.Tensor, size: tuple[int, int], *, aligned: bool = False
) -> torch.Tensor:
    """Bilinear resize of float `[..., H, W]` (images, probabilities); identity at equal size.

    Convex weights: values stay within their range and probabilities still sum to one.
    """
    return _resize(tensor, size, mode="bilinear", align_corners=aligned)


def resize_image(
    tensor: torch.Tensor, size: tuple[int, int], *, aligned: bool = False
) -> torch.Tensor:
    """Bilinear resize of a float image `[..., H, W]`, low-pass filtered where it shrinks."""
    if not aligned:
        return _resize(tensor, size, mode="bilinear", align_corners=False, antialias=True)
    if tuple(tensor.shape[-2:]) == tuple(size):
        return tensor
    # torch's low-pass filter knows aligned corners by name only.
    rows = _aligned_weights(tensor.shape[-2], size[0]).to(tensor)
    columns = _aligned_weights(tensor.shape[-1], size[1]).to(tensor)
    return rows @ tensor @ columns.T


def _aligned_weights(old: int, new: int) -> torch.Tensor:
    """Triangle filter `[new, old]` whose first and last pixels stay; rows sum to 1."""
    step = (old - 1) / max(new - 1, 1)
    distance = (torch.arange(new)[:, None] * step - torch.arange(old)).abs()
    weights = (1 - distance / max(step, 1.0)).clamp(min=0)
    return weights / weights.sum(1, keepdim=True)


def resize_nearest(
    tensor: torch.Tensor, size: tuple[int, int], *, aligned: bool = False
) -> torch.Tensor:
    """Nearest-neighbour resize of float `[..., H, W]`."""
    if not aligned:
        return _resize(tensor, size, mode="nearest-exact")
    rows, columns = (
        torch.linspace(0, old - 1, new, device=tensor.device).round().long()
        for old, new in zip(tensor.shape[-2:], size, strict=True)
    )
    return tensor[..., rows[:, None], columns]


def resize_one_hot(
    planes: torch.Tensor, size: tuple[int, int], *, aligned: bool = False
) -> torch.Tensor:
    """Nearest-neighbour resize of disjoint 0/1 planes `[N, H, W]`, which stay disjoint.

    An object too small for the coarser grid would vanish; it keeps the pixels it touches instead,
    since a network cannot follow what it was never shown.
    """
    resized = resize_nearest(planes, size, aligned=aligned)
    lost = (resized.flatten(1).amax(1) == 0) & (planes.flatten(1).amax(1) > 0)
    for row in lost.nonzero().flatten().tolist():
        touched = functional.adaptive_max_pool2d(planes[row][None], size)[0]
        resized = resized * (1 - touched)
        resized[row] = touched
    return resized


def _resize(tensor: torch.Tensor, size: tuple[int, int], **how) -> torch.Tensor:
    if tuple(tensor.shape[-2:]) == tuple(size):
        return tensor
    flat = tensor.reshape(1, -1, *tensor.shape[-2:])
    return functional.interpolate(flat, size=size, **how).reshape(*tensor.shape[:-2], *size)
