"""Space-time memory: reading it (STM section 3.2) and holding it.

Axes: V views, n = memory pixels (frames x h x w), q = query pixels (h x w), Ck / Cv channels.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from vostool.core.types import Fate

QUERIES_PER_CHUNK = 256
"""Query pixels whose affinities are held at once where no fused kernel applies."""


def memory_read(
    query_key: torch.Tensor, memory_key: torch.Tensor, memory_value: torch.Tensor
) -> torch.Tensor:
    """Soft attention of every query pixel over all memory pixels.

    The affinity is divided by sqrt(Ck); the softmax runs over memory pixels, never over queries.

    Args:
        query_key: `[V, q, Ck]`.
        memory_key: `[V, n, Ck]`.
        memory_value: `[V, n, Cv]`.

    Returns:
        `[V, q, Cv]`, in the dtype of the inputs.
    """
    if query_key.is_cuda:
        # One fused kernel: the affinity, q x n floats, is never stored.
        return F.scaled_dot_product_attention(
            query_key[:, None], memory_key[:, None], memory_value[:, None]
        )[:, 0]
    scaled = query_key / math.sqrt(query_key.shape[-1])
    chunks = [
        torch.bmm((part @ memory_key.transpose(1, 2)).softmax(-1), memory_value)
        for part in scaled.split(QUERIES_PER_CHUNK, dim=1)
    ]
    return torch.cat(chunks, dim=1)


class ObjectMemory:
    """Keys and values of one object's memorised frames, in buffers that are allocated ahead.

    Permanent frames come first; the replaceable frame, if any, is last. When `capacity` permanent
    frames are held, a new one takes the place of the frame whose neighbours in time are closest
    together, so that what remains is spread evenly; the first frame is never dropped.

    Args:
        capacity: most permanent frames, at least 2, or None for no limit.
    """

    def __init__(self, capacity: int | None = None):
        if capacity is not None and capacity < 2:
            raise ValueError(f"a memory needs room for at least 2 frames, got {capacity}")
        self.capacity = capacity
        self.permanent: list[int] = []
        self.replaceable: int | None = None
        self._keys: torch.Tensor | None = None
        self._values: torch.Tensor | None = None
        self._pixels = 0

    @property
    def times(self) -> list[int]:
        """Frame indices held, in time order."""
        return sorted(self.slots)

    @property
    def slots(self) -> list[int]:
        """Frame indices held, in the order of `contents`."""
        return self.permanent + ([] if self.replaceable is None else [self.replaceable])

    def write(self, key: torch.Tensor, value: torch.Tensor, fate: Fate, time: int) -> None:
        """Store one frame: key `[V, hw, Ck]`, value `[V, hw, Cv]`.

        It stays if it is GIVEN or to be kept. A replaceable frame of an earlier time is dropped
        first, also by SKIP.
        """
        self.replaceable = None
        if fate is Fate.SKIP:
            return
        slot = len(self.permanent)
        if fate is Fate.REPLACE:
            self.replaceable = time
        elif slot == self.capacity:
            slot = self._most_crowded(time)
            self.permanent[slot] = time
        else:
            self.permanent.append(time)
        self._reserve(slot + 1, key, value)
        assert self._keys is not None and self._values is not None
        place = slice(slot * self._pixels, (slot + 1) * self._pixels)
        self._keys[:, place] = key
        self._values[:, place] = value

    def contents(self) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Keys `[V, n, Ck]` and values `[V, n, Cv]`, or None while nothing is held."""
        held = len(self.permanent) + (self.replaceable is not None)
        if not held or self._keys is None or self._values is None:
            return None
        return self._keys[:, : held * self._pixels], self._values[:, : held * self._pixels]

    def _most_crowded(self, newest: int) -> int:
        """Slot (never that of the first frame) whose loss leaves the most even spacing."""
        order = sorted(range(len(self.permanent)), key=self.permanent.__getitem__)
        times = [self.permanent[slot] for slot in order] + [newest]
        gaps = [times[i + 1] - times[i - 1] for i in range(1, len(order))]
        return order[1 + gaps.index(min(gaps))]

    def _reserve(self, slots: int, key: torch.Tensor, value: torch.Tensor) -> None:
        """Make room for so many frames, growing by half where no capacity is set."""
        self._pixels = key.shape[1]
        have = 0 if self._keys is None else self._keys.shape[1] // self._pixels
        if slots <= have:
            return
        wanted = max(slots, have + have // 2, 4)
        if self.capacity is not None:
            wanted = min(max(wanted, slots), self.capacity + 1)
        self._keys = _grown(self._keys, key, wanted * self._pixels)
        self._values = _grown(self._values, value, wanted * self._pixels)


def _grown(old: torch.Tensor | None, like: torch.Tensor, pixels: int) -> torch.Tensor:
    new = like.new_empty(like.shape[0], pixels, like.shape[2])
    if old is not None:
        new[:, : old.shape[1]] = old
    return new
