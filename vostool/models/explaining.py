"""What a network may offer so that people see what it goes by (`vostool explain`).

A network offers any of the methods, or none. They are asked after `Segmenter.segment` of a frame,
with the same features and state, about the first view.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch.nn import functional as F

from vostool.models.segmenter import Features, Prediction, State
from vostool.nn.memory import ObjectMemory
from vostool.nn.relevance import Read, relevance


@dataclass(frozen=True)
class MemoryRelevance:
    """How much the memory frames matter to some pixels.

    Attributes:
        times: of the memory frames, ascending.
        maps: float32 `[frames, h, w]`, sum 1.
    """

    times: tuple[int, ...]
    maps: torch.Tensor


@dataclass(frozen=True)
class AlignedPoints:
    """Places of a template, and where a proposal has what they are compared with.

    Attributes:
        box: float32 `[4]` of the proposal, x0, y0, x1, y1 in pixels of the view.
        template, proposal: `[K, 2]`, x and y as fractions of the template's and the proposal's box.
    """

    box: torch.Tensor
    template: torch.Tensor
    proposal: torch.Tensor


@runtime_checkable
class ShowsRelevance(Protocol):
    """A network with a memory whose reading can be shown."""

    def relevance(
        self, features: Features, state: State, row: int, pixels: torch.Tensor
    ) -> MemoryRelevance | None:
        """What an object's memory gives to some pixels; None where it holds nothing.

        Args:
            row: of the object, from 0.
            pixels: bool `[H, W]` of the view, some of them True.
        """


@runtime_checkable
class ShowsAlignment(Protocol):
    """A network that aligns templates with proposals."""

    def aligned_points(
        self, features: Features, state: State, prediction: Prediction, row: int, count: int
    ) -> AlignedPoints | None:
        """At most `count` places of an object's template; None where it was given no proposal."""


@runtime_checkable
class MakesProposals(Protocol):
    """A network that makes proposals itself and chooses among them."""

    def proposed(self, prediction: Prediction) -> torch.Tensor:
        """Masks `[P, h, w]` in [0, 1] that it chose among for the first view, on its own grid."""


def relevance_of(
    memory: ObjectMemory,
    read: Read,
    query_key: torch.Tensor,
    pixels: torch.Tensor,
    size: tuple[int, int],
) -> MemoryRelevance | None:
    """The relevance of one object's memory; None where it holds nothing.

    Args:
        query_key: `[h*w, Ck]` of the frame.
        pixels: bool `[H, W]`; the cells of the `h x w` grid that they cover by half count, or the
            one that they cover most.
        size: (h, w).
    """
    contents = memory.contents()
    if contents is None:
        return None
    covered = F.interpolate(pixels[None, None].float(), size, mode="area").flatten()
    cells = covered >= 0.5 if (covered >= 0.5).any() else covered == covered.max()
    weights = relevance(read, query_key[cells], contents[0][0])
    times = memory.slots
    order = sorted(range(len(times)), key=times.__getitem__)
    maps = weights.unflatten(0, (len(times), *size))[order]
    return MemoryRelevance(tuple(times[slot] for slot in order), maps)
