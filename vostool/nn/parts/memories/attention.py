"""`attention`: every query pixel attends to all memory pixels (STM, ICCV 2019, section 3.2)."""

from __future__ import annotations

import torch
from torch import nn

from vostool.core.options import Options
from vostool.nn.memory import memory_read
from vostool.nn.part_choice import Sizes


class Config(Options):
    """No choices."""


class Attention(nn.Module):
    """See `memory_read`; nothing to learn."""

    def forward(
        self, query_key: torch.Tensor, memory_key: torch.Tensor, memory_value: torch.Tensor
    ) -> torch.Tensor:
        """Query key `[V, q, Ck]`, key `[V, n, Ck]`, value `[V, n, Cv]` -> `[V, q, Cv]`."""
        return memory_read(query_key, memory_key, memory_value)


def build(config: Config, sizes: Sizes) -> Attention:
    """The read-out."""
    return Attention()
