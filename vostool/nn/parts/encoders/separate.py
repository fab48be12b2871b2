"""`separate`: one encoder for memory, one for queries (STM, ICCV 2019, section 3.1).

The memory's sees RGB, the object's mask and the union of the other objects' masks; the query's
sees RGB alone.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from vostool.core.options import Options
from vostool.nn.key_value import KeyValueHead
from vostool.nn.part_choice import MakeTrunk
from vostool.nn.part_protocols import Seen


class Config(Options):
    """No choices."""


class SeparateEncoders(nn.Module):
    """Two trunks, two key/value heads; satisfies `Encoder`."""

    def __init__(self, make_trunk: MakeTrunk, key: int, value: int):
        super().__init__()
        self.memory, self.query = make_trunk(2), make_trunk(0)
        stride4, stride8, stride16 = _channels(self.query)
        self.skips = (stride4, stride8)
        self.memory_head = KeyValueHead(stride16, key, value)
        self.query_head = KeyValueHead(stride16, key, value)

    def see(self, images: torch.Tensor) -> Seen:
        """See `Encoder.see`."""
        stride4, stride8, stride16 = self.query(images)
        key, value = self.query_head(stride16)
        return Seen(key, value, stride4, stride8)

    def see_masks(
        self, images: torch.Tensor, masks: torch.Tensor, others: torch.Tensor, owner: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Encoder.see_masks`."""
        inputs = torch.stack([masks, others], dim=1).to(images.dtype)
        return self.memory_head(self.memory(images, inputs, owner)[-1])

    def compile(self, *arguments: Any, **options: Any) -> None:
        """Compile trunks and heads, which are what is called."""
        for part in self.children():
            part.compile(*arguments, **options)


def _channels(trunk: Any) -> tuple[int, int, int]:
    return trunk.channels


def build(config: Config, make_trunk: MakeTrunk, key: int, value: int) -> SeparateEncoders:
    """The encoders, with keys and values of so many channels."""
    return SeparateEncoders(make_trunk, key, value)
