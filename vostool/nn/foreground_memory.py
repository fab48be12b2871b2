"""Foreground-background memory (CAMN, section 2.1): STM's read, once for each side of a mask.

One backbone embeds all frames; a mask splits a memory frame's embedding into foreground and
background, and each side has keys and values of its own. The paper gives no sizes, and a drawing
that may mean keys common to both sides: `shared_key`.

Axes: V views, M rows (views x instances), C channels, h x w feature pixels, n memory pixels.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from vostool.nn.memory import memory_read

GROUPS = 32
SMALLEST_WEIGHT = 1e-6
"""Weight of memory pixels on the other side of the mask; 0 would be NaN for an empty object."""

Scheme = Literal["multiply", "prior"]


class SplitKeyValue(nn.Module):
    """Keys and values of both sides of a mask.

    Args:
        channels: C, of the embedding.
        key_channels, value_channels: Ck and Cv, of each side.
        scheme: how a mask splits an embedding. "multiply": by itself; "prior": by a 1x1 convolution
            over embedding and mask, and a sigmoid.
        shared_key: one key of the whole embedding for both sides.
        weighted: memory pixels count as much as they belong to a side (log of the mask is added
            to the affinity). Without it, pixels that the mask made 0 still draw attention.
    """

    def __init__(
        self,
        channels: int,
        key_channels: int,
        value_channels: int,
        *,
        scheme: Scheme = "multiply",
        shared_key: bool = False,
        weighted: bool = True,
    ):
        super().__init__()
        self.shared_key, self.weighted = shared_key, weighted
        keys = 1 if shared_key else 2
        self.key = nn.ModuleList(_conv(channels, key_channels) for _ in range(keys))
        self.value = nn.ModuleList(_conv(channels, value_channels) for _ in range(2))
        priors = 2 if scheme == "prior" else 0
        self.prior = nn.ModuleList(nn.Conv2d(channels + 1, 1, 1) for _ in range(priors))

    def forward(
        self, embedding: torch.Tensor, masks: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What is stored of a frame.

        Args:
            embedding: `[V, C, h, w]`.
            masks: soft, in [0, 1], `[V, K, H, W]`; reduced to `h x w` by their means.

        Returns:
            keys `[V, K, hw, Ck + 2 or 2 Ck + 2]` with both sides' log weights in the last two
            channels, and values `[V, K, hw, 2 Cv]`, foreground first.
        """
        instances = masks.shape[1]
        mask = F.interpolate(masks.float(), embedding.shape[2:], mode="area").flatten(0, 1)[:, None]
        whole = embedding.repeat_interleave(instances, dim=0)
        sides = [self._side(whole, mask, 0), self._side(whole, 1 - mask, 1)]
        if self.shared_key:
            keys = [self.key[0](embedding).repeat_interleave(instances, dim=0)]
        else:
            keys = [conv(side) for conv, side in zip(self.key, sides, strict=True)]
        values = [conv(side) for conv, side in zip(self.value, sides, strict=True)]
        weights = [part.clamp(min=SMALLEST_WEIGHT).log() for part in (mask, 1 - mask)]
        if not self.weighted:
            weights = [torch.zeros_like(mask)] * 2
        key = torch.cat([*keys, *(part.to(keys[0].dtype) for part in weights)], 1)
        shape = (len(embedding), instances)
        return _tokens(key).unflatten(0, shape), _tokens(torch.cat(values, 1)).unflatten(0, shape)

    def _side(self, embedding: torch.Tensor, mask: torch.Tensor, index: int) -> torch.Tensor:
        """The embedding `[M, C, h, w]` as one side `[M, 1, h, w]` of the masks sees it."""
        mask = mask.to(embedding.dtype)
        if not self.prior:
            return embedding * mask
        return embedding * self.prior[index](torch.cat([embedding, mask], 1)).sigmoid()


def read_sides(
    query_key: torch.Tensor, memory_key: torch.Tensor, memory_value: torch.Tensor
) -> torch.Tensor:
    """STM's read of each side: softmax over memory pixels of k.q / sqrt(Ck) + log weight.

    Args:
        query_key: `[V, q, Ck]`.
        memory_key, memory_value: of `SplitKeyValue`, frames joined along the pixels: `[V, n, ...]`
            with Ck + 2 (shared keys) or 2 Ck + 2 channels, and `[V, n, 2 Cv]`.

    Returns:
        `[V, q, 2 Cv]`, foreground first.

    Raises:
        ValueError: keys of other widths.
    """
    width = query_key.shape[-1]
    shared = memory_key.shape[-1] == width + 2
    if not shared and memory_key.shape[-1] != 2 * width + 2:
        raise ValueError(f"keys of {memory_key.shape[-1]} channels are not those of two sides")
    # memory_read divides by the root of all channels, that of the weights included.
    scale = math.sqrt(width + 1)
    sought = torch.cat(
        [query_key * (scale / math.sqrt(width)), torch.full_like(query_key[..., :1], scale)], -1
    )
    found = []
    for side, value in enumerate(memory_value.chunk(2, dim=-1)):
        start = 0 if shared else side * width
        weight = memory_key[..., memory_key.shape[-1] - 2 + side, None]
        key = torch.cat([memory_key[..., start : start + width], weight], -1)
        found.append(memory_read(sought, key, value.contiguous()))
    return torch.cat(found, -1)


class ForegroundBackgroundMemory(nn.Module):
    """Both sides' keys and values, and what a frame makes of what it reads.

    Args:
        channels: C, of the embedding.
        key_channels, value_channels: Ck and Cv, of each side and of the frame that reads.
        out_channels: of the result.
        scheme, shared_key, weighted: see `SplitKeyValue`.
    """

    def __init__(
        self,
        channels: int = 256,
        key_channels: int = 128,
        value_channels: int = 256,
        out_channels: int = 256,
        *,
        scheme: Scheme = "multiply",
        shared_key: bool = False,
        weighted: bool = True,
    ):
        super().__init__()
        self.memory = SplitKeyValue(
            channels,
            key_channels,
            value_channels,
            scheme=scheme,
            shared_key=shared_key,
            weighted=weighted,
        )
        self.query_key = _conv(channels, key_channels)
        self.query_value = _conv(channels, value_channels)
        self.out = nn.Sequential(
            nn.Conv2d(3 * value_channels, out_channels, 1, bias=False),
            nn.GroupNorm(GROUPS, out_channels),
            nn.ReLU(),
        )

    def query(self, embedding: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Embedding `[V, C, h, w]` of a frame -> key `[V, hw, Ck]` and value `[V, Cv, h, w]`."""
        return _tokens(self.query_key(embedding)), self.query_value(embedding)

    def read(
        self,
        query: tuple[torch.Tensor, torch.Tensor],
        key: torch.Tensor,
        value: torch.Tensor,
    ) -> torch.Tensor:
        """What one instance's memory says of a frame.

        Args:
            query: of `query`.
            key, value: see `read_sides`.

        Returns:
            `[V, C', h, w]`, ReLU applied.
        """
        query_key, query_value = query
        found = read_sides(query_key, key, value).transpose(1, 2)
        return self.out(torch.cat([found.unflatten(2, query_value.shape[2:]), query_value], 1))


def _conv(in_channels: int, channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, channels, 3, padding=1)


def _tokens(maps: torch.Tensor) -> torch.Tensor:
    """`[M, C, h, w]` -> `[M, hw, C]`."""
    return maps.flatten(2).transpose(1, 2)
