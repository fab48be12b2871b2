"""The collaborative ensembler and its decoder (CFBI, section 3.4; CFBI+ adds scales).

Axes: V views, K instances (background first), M = V * K rows (view after view), C channels.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from vostool.nn.instances.blocks import (
    GROUPS,
    BottleneckInput,
    GatedASPP,
    GatedBottleneck,
)
from vostool.nn.instances.gates import ChannelGate, InstanceGate
from vostool.nn.instances.head import DynamicHead, min_background_logits

SHORTCUT_GROUP = 4
"""Channels per group of the shortcut's GroupNorm."""


class InstanceMaps(NamedTuple):
    """Per-instance tensors `[M, C, h, w]` at strides 4, 8 and 16; None where there is none."""

    stride4: torch.Tensor
    stride8: torch.Tensor | None = None
    stride16: torch.Tensor | None = None


class GatedBlock(nn.Module):
    """An instance gate, then a block."""

    def __init__(self, vector_channels: int, in_channels: int, block: nn.Module):
        super().__init__()
        self.gate = InstanceGate(vector_channels, in_channels)
        self.block = block

    def forward(
        self, x: torch.Tensor, vectors: torch.Tensor, extra: BottleneckInput | None = None
    ) -> torch.Tensor:
        """`[M, C, h, w]`, vectors `[M, A]` -> `[M, C', h', w']`."""
        gated = self.gate(x, vectors)
        return self.block(gated) if extra is None else self.block(gated, extra)


class CollaborativeEnsembler(nn.Module):
    """Per-instance tensors -> logits at stride 4.

    Three stages at strides 4, 8 and 16, an ASPP, and a decoder with one shortcut. With
    `stride8 = stride16 = 0` it is CFBI's; else CFBI+'s, which appends the coarser scales' tensors
    where their stages begin.

    Args:
        stride4, stride8, stride16: channels of the per-instance tensors.
        vector_channels: A, of an instance's vector.
        low_channels: of the backbone's features at stride 4.
        width: of stage 1; the others have twice as many.
        shortcut: channels of the decoder's shortcut.
        context: replaces the ASPP, `[M, 2 width, h, w]` -> `[M, width, h, w]`.
    """

    def __init__(
        self,
        stride4: int,
        stride8: int,
        stride16: int,
        vector_channels: int,
        low_channels: int,
        width: int = 256,
        shortcut: int = 64,
        context: nn.Module | None = None,
    ):
        super().__init__()

        def gated(in_channels: int, channels: int, stride: int, dilation: int) -> GatedBlock:
            block = GatedBottleneck(in_channels, channels, stride, dilation)
            return GatedBlock(vector_channels, in_channels, block)

        wide, half = 2 * width, width // 2
        self.scales = stride16 > 0
        self.stage4 = nn.ModuleList([gated(stride4, width, 1, 1), gated(width, width, 1, 2)])
        self.stage8 = nn.ModuleList(
            [gated(width, wide, 2, 1), gated(wide + stride8, wide, 1, 2), gated(wide, wide, 1, 4)]
        )
        self.stage16 = nn.ModuleList(
            [gated(wide, wide, 2, 1), gated(wide + stride16, wide, 1, 2), gated(wide, wide, 1, 4)]
        )
        self.context = GatedBlock(vector_channels, wide, context or GatedASPP(wide, width))
        self.shortcut = nn.Sequential(
            ChannelGate(low_channels + width),
            nn.Conv2d(low_channels + width, shortcut, 1, bias=False),
            nn.GroupNorm(shortcut // SHORTCUT_GROUP, shortcut),
            nn.ReLU(),
        )
        self.decode = nn.ModuleList(
            GatedBlock(vector_channels, channels, _decoding(channels, half))
            for channels in (width + shortcut, half)
        )
        self.head = DynamicHead(vector_channels, half)

    def joining_block(self) -> GatedBottleneck:
        """The block that may be given further channels: where the tensor at stride 16 joins.

        Of CFBI's form, which has no such tensor, it is the first block, at stride 4.
        """
        place = self.stage16[1] if self.scales else self.stage4[0]
        assert isinstance(place, GatedBlock) and isinstance(place.block, GatedBottleneck)
        return place.block

    def forward(
        self,
        maps: InstanceMaps,
        vectors: torch.Tensor,
        low: torch.Tensor,
        extra: BottleneckInput | None = None,
    ) -> torch.Tensor:
        """Logits `[V, K, h, w]` at stride 4; see `sides`."""
        return min_background_logits(*self.sides(maps, vectors, low, extra))

    def sides(
        self,
        maps: InstanceMaps,
        vectors: torch.Tensor,
        low: torch.Tensor,
        extra: BottleneckInput | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Foreground and background logits of some or all instances, `[V, K, h, w]` each.

        Args:
            maps: per-instance tensors, M = V * K rows.
            vectors: `[V, K, A]`.
            low: the backbone's features at stride 4, `[V, C, h, w]`.
            extra: further channels for `joining_block`.
        """
        rows = vectors.flatten(0, 1)
        at4, at16 = (None, extra) if self.scales else (extra, None)
        fine = self._stage(self.stage4, maps.stride4, None, rows, at4)
        x = self._stage(self.stage8, fine, maps.stride8, rows)
        x = self._stage(self.stage16, x, maps.stride16, rows, at16)
        x = self.context(x, rows)
        x = _enlarged(x, (fine.shape[2], fine.shape[3]))
        shared = low.repeat_interleave(vectors.shape[1], dim=0)
        x = torch.cat([x, self.shortcut(torch.cat([shared, fine], 1))], 1)
        for layer in self.decode:
            x = layer(x, rows)
        return self.head(x.unflatten(0, vectors.shape[:2]), vectors)

    @staticmethod
    def _stage(
        blocks: nn.ModuleList,
        x: torch.Tensor,
        joining: torch.Tensor | None,
        rows: torch.Tensor,
        extra: BottleneckInput | None = None,
    ) -> torch.Tensor:
        """Run a stage; a scale's own tensor joins after one block, and with it what is extra.

        Without such a tensor the extra channels join the first block.
        """
        for index, block in enumerate(blocks):
            if index == 1 and joining is not None:
                x = torch.cat([x, joining], 1)
            x = block(x, rows, extra if index == (joining is not None) else None)
        return x


def _decoding(in_channels: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 3, padding=1, bias=False),
        nn.GroupNorm(GROUPS, channels),
        nn.ReLU(),
    )


def _enlarged(x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Bicubic with aligned corners, as two products with matrices: several times faster."""
    rows, columns = (_bicubic(old, new, x) for old, new in zip(x.shape[2:], size, strict=True))
    return rows @ x @ columns.t()


def _bicubic(old: int, new: int, like: torch.Tensor) -> torch.Tensor:
    """Weights `[new, old]` of the bicubic interpolation along one axis."""
    each = torch.eye(old, device=like.device)[None, :, :, None]
    found = F.interpolate(each, (new, 1), mode="bicubic", align_corners=True)
    return found[0, :, :, 0].t().to(like.dtype)
