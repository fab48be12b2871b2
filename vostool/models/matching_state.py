"""What networks that match know of a video or of a training clip so far.

Axes: V views, K instances (background first), H x W pixels, h x w feature pixels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch

from vostool.core.types import Fate
from vostool.nn.instances.gates import RegionSums
from vostool.nn.matching.global_matching import ReferenceSet


class InstanceStore(Protocol):
    """Keys and values of one instance's frames."""

    def write(self, key: torch.Tensor, value: torch.Tensor, fate: Fate, time: int) -> None:
        """Key `[V, hw, Ck]`, value `[V, hw, Cv]`."""

    def contents(self) -> tuple[torch.Tensor, torch.Tensor] | None:
        """All of them joined along the pixels."""


class ClipMemory:
    """All frames of a training clip; `ObjectMemory` overwrites what gradients still need."""

    def __init__(self) -> None:
        self._frames: list[tuple[torch.Tensor, torch.Tensor]] = []

    def write(self, key: torch.Tensor, value: torch.Tensor, fate: Fate, time: int) -> None:
        """See `InstanceStore`; no frame is left out."""
        self._frames.append((key, value))

    def copy(self) -> ClipMemory:
        """The same frames; what is written later is not seen."""
        other = ClipMemory()
        other._frames = list(self._frames)
        return other

    def contents(self) -> tuple[torch.Tensor, torch.Tensor] | None:
        """See `InstanceStore`."""
        keys, values = zip(*self._frames)
        return torch.cat(keys, 1), torch.cat(values, 1)


@dataclass
class MatchingState:
    """What is known of a video so far.

    Attributes:
        max_memory: most permanent frames in the memory of an instance; None in training, too.
        references: pixels of given frames, per scale.
        regions: sums of the given frames' embedding per instance.
        previous: embeddings of the frame before, per scale.
        labels: its hard labels, int64 `[V, H, W]`.
        instances: K.
        stored: memories, background first.
    """

    max_memory: int | None
    references: list[ReferenceSet]
    regions: RegionSums | None = None
    previous: tuple[torch.Tensor, ...] = ()
    labels: torch.Tensor | None = None
    instances: int = 0
    stored: list[InstanceStore] = field(default_factory=list)

    def snapshot(self) -> MatchingState:
        """The state as it is now, while a training clip goes on; its references stay."""
        stored = [part.copy() if isinstance(part, ClipMemory) else part for part in self.stored]
        return dataclasses.replace(self, stored=stored)


def background_fate(fates: Sequence[Fate]) -> Fate:
    """The background's frame is kept where any object's is, else replaced where any is."""
    if not fates or Fate.GIVEN in fates or Fate.KEEP in fates:
        return Fate.KEEP
    return Fate.REPLACE if Fate.REPLACE in fates else Fate.SKIP
