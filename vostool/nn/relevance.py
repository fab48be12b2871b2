"""How much each memory pixel matters to some pixels of a frame: the weights of a memory read.

Axes: q query pixels, n memory pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

Read = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""Query key `[1, q, Ck]`, memory key `[1, n, ...]`, memory value `[1, n, Cv]` -> `[1, q, ...]`."""

PIXELS_AT_ONCE = 512
"""Memory pixels whose weights are found together: bounds the peak memory."""


def relevance(read: Read, query_key: torch.Tensor, memory_key: torch.Tensor) -> torch.Tensor:
    """Mean attention of query pixels to each memory pixel, float32 `[n]`, sum 1.

    A read is linear in the values, so that values of 1 at one pixel and 0 elsewhere give that
    pixel's weight, whatever the read makes of the keys. Of a read that has a foreground and a
    background half (CAMN), it is the foreground's.

    Args:
        query_key: `[q, Ck]`, q at least 1.
        memory_key: `[n, ...]`.
    """
    count = len(memory_key)
    found = []
    for start in range(0, count, PIXELS_AT_ONCE):
        width = min(PIXELS_AT_ONCE, count - start)
        values = query_key.new_zeros((count, 2 * width))
        values[start : start + width, :width] = torch.eye(
            width, dtype=values.dtype, device=values.device
        )
        weights = read(query_key[None], memory_key[None], values[None])[0, :, :width]
        found.append(weights.float().mean(0))
    return torch.cat(found)
