"""`shared`: one encoder for memory and queries (FAMNet, YouTube-VOS 2021, section 2.1).

It sees RGB and the object's mask; as a query RGB and ones. So features of both are aligned.
"""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field
from torch import nn

from vostool.core.options import Options
from vostool.nn.key_value import KeyValueHead
from vostool.nn.part_choice import MakeTrunk
from vostool.nn.part_protocols import Seen


class Config(Options):
    """Choices of the shared encoder."""

    shared_heads: bool = Field(
        True, description="one key/value head for memory and query, as the encoder is one"
    )


class SharedEncoder(nn.Module):
    """One trunk; satisfies `Encoder`."""

    def __init__(self, config: Config, make_trunk: MakeTrunk, key: int, value: int):
        super().__init__()
        self.shared = make_trunk(1)
        stride4, stride8, stride16 = _channels(self.shared)
        self.skips = (stride4, stride8)
        self.memory_head = KeyValueHead(stride16, key, value)
        self.query_head = (
            self.memory_head if config.shared_heads else KeyValueHead(stride16, key, value)
        )

    def see(self, images: torch.Tensor) -> Seen:
        """See `Encoder.see`; the mask channel is all ones, padding included (see `MaskStem`)."""
        stride4, stride8, stride16 = self.shared(images)
        key, value = self.query_head(stride16)
        return Seen(key, value, stride4, stride8)

    def see_masks(
        self, images: torch.Tensor, masks: torch.Tensor, others: torch.Tensor, owner: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Encoder.see_masks`; the others' masks are not looked at."""
        return self.memory_head(self.shared(images, masks[:, None].to(images.dtype), owner)[-1])

    def compile(self, *arguments: Any, **options: Any) -> None:
        """Compile trunk and heads, which are what is called."""
        for part in self.children():
            part.compile(*arguments, **options)


def _channels(trunk: Any) -> tuple[int, int, int]:
    return trunk.channels


def build(config: Config, make_trunk: MakeTrunk, key: int, value: int) -> SharedEncoder:
    """The encoder, with keys and values of so many channels."""
    return SharedEncoder(config, make_trunk, key, value)
