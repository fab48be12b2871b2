"""`euclidean`: attention by the negative squared distance of keys (STCN, NeurIPS 2021).

S(m, q) = -|k_m - k_q|^2 / sqrt(Ck). What the query's length adds is the same for all memory pixels
and leaves the softmax as it is.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from vostool.core.options import Options
from vostool.nn.memory import memory_read
from vostool.nn.part_choice import Sizes


class Config(Options):
    """No choices."""


class Euclidean(nn.Module):
    """Nothing to learn."""

    def forward(
        self, query_key: torch.Tensor, memory_key: torch.Tensor, memory_value: torch.Tensor
    ) -> torch.Tensor:
        """Query key `[V, q, Ck]`, key `[V, n, Ck]`, value `[V, n, Cv]` -> `[V, q, Cv]`."""
        # Differences of squares: half precision would leave little of them.
        with torch.autocast(query_key.device.type, enabled=False):
            query, key = query_key.float(), memory_key.float()
            # 2 k_m k_q - |k_m|^2 is one product of vectors that are longer by one.
            channels = key.shape[-1]
            query = torch.cat([2 * query, -torch.ones_like(query[..., :1])], dim=-1)
            key = torch.cat([key, key.square().sum(-1, keepdim=True)], dim=-1)
            # `memory_read` divides by the root of the longer vectors' length.
            query = query * math.sqrt((channels + 1) / channels)
            read = memory_read(query, key, memory_value.float())
        return read.to(memory_value.dtype)


def build(config: Config, sizes: Sizes) -> Euclidean:
    """The read-out."""
    return Euclidean()
