"""`two-sided`: reads the foreground and the background of a memory apart (CAMN, section 2.1).

It needs an encoder that stores both sides, `foreground-background`.
"""

from __future__ import annotations

import torch
from torch import nn

from vostool.core.options import Options
from vostool.nn.foreground_memory import read_sides
from vostool.nn.part_choice import Sizes

READS = "sides"


class Config(Options):
    """No choices."""


class TwoSided(nn.Module):
    """See `read_sides`; nothing to learn."""

    def forward(
        self, query_key: torch.Tensor, memory_key: torch.Tensor, memory_value: torch.Tensor
    ) -> torch.Tensor:
        """Query key `[V, q, Ck]`, both sides' keys and values `[V, n, ...]` -> `[V, q, Cv]`."""
        return read_sides(query_key, memory_key, memory_value)


def build(config: Config, sizes: Sizes) -> TwoSided:
    """The read-out."""
    return TwoSided()
