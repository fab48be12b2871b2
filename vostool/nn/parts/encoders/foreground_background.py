"""`foreground-background`: one RGB trunk; masks split its features into two sides (CAMN, 2.1).

Half of the value channels are the foreground's, half the background's. To be read by the memory
`two-sided`.
"""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field
from torch import nn

from vostool.core.options import Options
from vostool.nn.foreground_memory import Scheme, SplitKeyValue
from vostool.nn.key_value import KeyValueHead
from vostool.nn.part_choice import MakeTrunk
from vostool.nn.part_protocols import Seen

STORES = "sides"


class Config(Options):
    """Choices of the split."""

    scheme: Scheme = Field("multiply", description="by the mask, or by a gate that sees the mask")
    shared_key: bool = Field(False, description="one key of the whole frame for both sides")
    weighted: bool = Field(True, description="memory pixels count as much as they belong to a side")


class SplitEncoder(nn.Module):
    """One trunk; satisfies `Encoder`. A frame's trunk features do not depend on its masks."""

    def __init__(self, config: Config, make_trunk: MakeTrunk, key: int, value: int):
        super().__init__()
        self.shared = make_trunk(0)
        stride4, stride8, stride16 = _channels(self.shared)
        self.skips = (stride4, stride8)
        self.query_head = KeyValueHead(stride16, key, value)
        self.memory_head = SplitKeyValue(
            stride16,
            key,
            value // 2,
            scheme=config.scheme,
            shared_key=config.shared_key,
            weighted=config.weighted,
        )

    def see(self, images: torch.Tensor) -> Seen:
        """See `Encoder.see`."""
        stride4, stride8, stride16 = self.shared(images)
        key, value = self.query_head(stride16)
        return Seen(key, value, stride4, stride8)

    def see_masks(
        self, images: torch.Tensor, masks: torch.Tensor, others: torch.Tensor, owner: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Encoder.see_masks`; the others' masks are part of the background."""
        coarse = self.shared(images)[-1]
        key, value = self.memory_head(coarse[owner], masks[:, None])
        return key[:, 0], value[:, 0].transpose(1, 2).unflatten(2, coarse.shape[2:])

    def compile(self, *arguments: Any, **options: Any) -> None:
        """Compile trunk and heads, which are what is called."""
        for part in self.children():
            part.compile(*arguments, **options)


def _channels(trunk: Any) -> tuple[int, int, int]:
    return trunk.channels


def build(config: Config, make_trunk: MakeTrunk, key: int, value: int) -> SplitEncoder:
    """The encoder, with keys and values of so many channels."""
    return SplitEncoder(config, make_trunk, key, value)
