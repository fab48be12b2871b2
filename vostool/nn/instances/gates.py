"""Gates on channels, and the vector that describes an instance (CFBI, section 3.3).

Axes: K instances (background first), M = views x K rows, C channels, h x w feature pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

EPSILON = 1e-5


class ChannelGate(nn.Module):
    """Gated channel transformation (CVPR 2020): channels compete by their strength.

    x * (1 + tanh(gamma * e / sqrt(mean(e^2) + eps) + beta)) with e = alpha * sqrt(|x|^2 + eps) per
    channel. Begins as the identity.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`[M, C, h, w]` -> the same shape."""
        # Sums of squares over a map leave the range of half precision.
        strength = (x.float().square().sum((2, 3), keepdim=True) + EPSILON).sqrt() * self.alpha
        norm = (strength.square().mean(1, keepdim=True) + EPSILON).rsqrt()
        return x * (1 + torch.tanh(strength * norm * self.gamma + self.beta)).to(x.dtype)


class InstanceGate(nn.Module):
    """x * (1 + tanh(W a + b)): a factor in (0, 2) per channel from the instance's vector."""

    def __init__(self, vector_channels: int, channels: int):
        super().__init__()
        self.linear = nn.Linear(vector_channels, channels)

    def forward(self, x: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
        """`[M, C, h, w]`, vectors `[M, A]` -> `[M, C, h, w]`."""
        return x * (1 + torch.tanh(self.linear(vector)))[..., None, None]


@dataclass(frozen=True)
class RegionSums:
    """Sums of an embedding within and outside of each instance, and the numbers of pixels.

    Sums of several reference frames are added before the division.

    Attributes:
        inside, outside: `[V, K, C]`.
        pixels_inside, pixels_outside: `[V, K, 1]`.
    """

    inside: torch.Tensor
    outside: torch.Tensor
    pixels_inside: torch.Tensor
    pixels_outside: torch.Tensor

    @classmethod
    def of(cls, embedding: torch.Tensor, masks: torch.Tensor, rate: int = 1) -> RegionSums:
        """Embedding `[V, C, h, w]`, hard masks float `[V, K, h, w]`.

        Args:
            rate: only pixels of every so-many-th row and column are inside of an instance.
        """
        if rate > 1:
            kept = torch.zeros_like(masks)
            kept[..., ::rate, ::rate] = 1
            masks = masks * kept
        flat, pixels = embedding.float().flatten(2).transpose(1, 2), masks.float().flatten(2)
        inside, inside_count = pixels @ flat, pixels.sum(2, keepdim=True)
        # Not the whole sum less what is inside: of a region that is everything, rounding would be
        # left, which `means` then divides by next to nothing.
        outside = (1 - pixels) @ flat
        return cls(inside, outside, inside_count, pixels.shape[2] - inside_count)

    def __add__(self, other: RegionSums) -> RegionSums:
        """Both frames together; instances that only the later one knows are new."""
        missing = other.inside.shape[1] - self.inside.shape[1]
        mine = self._with_new_instances(missing) if missing else self
        return RegionSums(
            mine.inside + other.inside,
            mine.outside + other.outside,
            mine.pixels_inside + other.pixels_inside,
            mine.pixels_outside + other.pixels_outside,
        )

    def _with_new_instances(self, count: int) -> RegionSums:
        """New instances have no pixel in the frames so far: all is outside of them."""
        whole = (self.inside + self.outside)[:, :1].expand(-1, count, -1)
        pixels = (self.pixels_inside + self.pixels_outside)[:, :1].expand(-1, count, -1)
        return RegionSums(
            torch.cat([self.inside, torch.zeros_like(whole)], 1),
            torch.cat([self.outside, whole], 1),
            torch.cat([self.pixels_inside, torch.zeros_like(pixels)], 1),
            torch.cat([self.pixels_outside, pixels], 1),
        )

    def means(self) -> torch.Tensor:
        """Mean within and mean outside, `[V, K, 2C]`; 0 for an empty region."""
        inside = self.inside / (self.pixels_inside + EPSILON)
        outside = self.outside / (self.pixels_outside + EPSILON)
        return torch.cat([inside, outside], 2)


def instance_vector(reference: RegionSums, previous: RegionSums) -> torch.Tensor:
    """Means of the reference frames' and of the previous frame's embedding: `[V, K, 4C]`."""
    return torch.cat([reference.means(), previous.means()], 2)
