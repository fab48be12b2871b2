"""DMN-AOA's dynamic memory: what is known of an object, read for the pixels that may be objects.

Paper 003 states that object pixels of the current frame attend to every pixel of the memory frames'
keys. How a memory frame is encoded, and that memory pixels count by how much object they hold, is
our definition (METHODS B1, steps 2 and 3).

Axes: M (image, object) pairs, n memory pixels, q query pixels, h x w features at stride 16.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from vostool.nn.decoder import ResidualBlock
from vostool.nn.key_value import KeyValueHead
from vostool.nn.memory import memory_read
from vostool.nn.pairs import add_image_part

SMALLEST_WEIGHT = 1e-6
"""Of a memory pixel without object: an object whose mask is empty must not read NaN."""


class MemoryEncoder(nn.Module):
    """Features and masks of a frame to what is memorised of each object.

    Memory entries carry two channels more than the network's: keys end with the logarithm of the
    pixel's share of object, values with the share itself.

    Args:
        channels: of the features.
        key_channels, value_channels: of keys and values.
    """

    def __init__(self, channels: int, key_channels: int, value_channels: int):
        super().__init__()
        self.of_image = nn.Conv2d(channels, channels, 1)
        self.of_masks = nn.Conv2d(2, channels, 1, bias=False)
        self.block = ResidualBlock(channels)
        self.head = KeyValueHead(channels, key_channels, value_channels)

    def forward(
        self, features: torch.Tensor, masks: torch.Tensor, others: torch.Tensor, owner: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Memory of each pair.

        Args:
            features: `[V, C, h, w]`.
            masks: `[M, H, W]` of each pair's object, in [0, 1]; `others` of all other objects.
            owner: int64 `[M]`, the image of each pair.

        Returns:
            keys `[M, h*w, Ck + 1]` and values `[M, h*w, Cv + 1]`.
        """
        height, width = features.shape[-2:]
        small = F.adaptive_avg_pool2d(torch.stack([masks, others], 1), (height, width))
        seen = self.of_masks(small.to(features.dtype))
        key, value = self.head(self.block(add_image_part(seen, self.of_image(features), owner)))
        share = small[:, 0].flatten(1)[..., None]
        weight = share.clamp(min=SMALLEST_WEIGHT).log()
        keys = torch.cat([key, weight.to(key.dtype)], dim=-1)
        values = torch.cat([value.flatten(2).mT, share.to(value.dtype)], dim=-1)
        return keys, values


def read_object(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, by_share: bool
) -> torch.Tensor:
    """What query pixels read of an object: softmax over memory of (k . q) / sqrt(Ck) + log share.

    Args:
        query: `[M, q, Ck]`.
        keys, values: of `MemoryEncoder`, `[M, n, Ck + 1]` and `[M, n, Cv + 1]`.
        by_share: False leaves the logarithm out (the paper's words: every memory pixel).

    Returns:
        `[M, q, Cv]`.
    """
    return memory_read(_extended(query, by_share), keys, values[..., :-1])


def read_share(query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """How much object the memory pixels hold that each query pixel is like; `[M, q]` in [0, 1]."""
    return memory_read(_extended(query, by_share=False), keys, values[..., -1:])[..., 0]


def _extended(query: torch.Tensor, by_share: bool) -> torch.Tensor:
    """The query with a channel more that takes the keys' last one in, or leaves it out.

    `memory_read` divides by the root of all channels, this one included.
    """
    channels = query.shape[-1]
    last = math.sqrt(channels + 1) if by_share else 0.0
    extra = query.new_full((*query.shape[:-1], 1), last)
    return torch.cat([query * math.sqrt((channels + 1) / channels), extra], dim=-1)


def object_pixels(masks: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Pixels of the stride-16 grid that any proposal covers, or touches: bool `[h, w]`.

    Args:
        masks: `[P, h4, w4]` in [0, 1].
        size: (h, w).
    """
    if not len(masks):
        return torch.zeros(size, dtype=torch.bool, device=masks.device)
    covered = F.adaptive_max_pool2d(masks.amax(0)[None, None], size)
    return F.max_pool2d(covered, 3, stride=1, padding=1)[0, 0] > 0
