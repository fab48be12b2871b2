"""Flip, pad and resize of `[..., H, W]` tensors, each with its inverse.

Pixel grids follow `align_corners=False`: the image plane is the same before and after resizing, so
that resizing to another size and back keeps every point where it was.
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


def nearest_multiple(value: float, stride: int) -> int:
    """The multiple of `stride` nearest to `value` (halves go up), at least one stride."""
    return max(1, math.floor(value / stride + 0.5)) * stride


def padding_to_multiple(height: int, width: int, stride: int) -> Padding:
    """Padding to the next multiples of `stride`, split floor / ceil over the two sides.

    METHODS of STM's released code: the odd pixel goes below and to the right.
    """
    rows, columns = -height % stride, -width % stride
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


def resize_soft(tensor: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Bilinear resize of float `[..., H, W]` (images, probabilities); identity at equal size.

    Convex weights: values stay within their range and probabilities still sum to one.
    """
    return _resize(tensor, size, mode="bilinear", align_corners=False)


def resize_image(tensor: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Bilinear resize of a float image `[..., H, W]`, low-pass filtered where it shrinks."""
    return _resize(tensor, size, mode="bilinear", align_corners=False, antialias=True)


def resize_nearest(tensor: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Nearest-neighbour resize of float `[..., H, W]`."""
    return _resize(tensor, size, mode="nearest-exact")


def resize_one_hot(planes: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Nearest-neighbour resize of disjoint 0/1 planes `[N, H, W]`, which stay disjoint.

    An object too small for the coarser grid would vanish; it keeps the pixels it touches instead,
    since a network cannot follow what it was never shown.
    """
    resized = resize_nearest(planes, size)
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
