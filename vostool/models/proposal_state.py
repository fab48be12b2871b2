"""What a network that matches proposals knows of a frame, and of a video so far.

Axes: V views, N objects, h x w features at stride 16, h4 x w4 pixels at stride 4.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from vostool.models.object_matching import ImageFeatures
from vostool.nn.decoder import Skips
from vostool.nn.memory import ObjectMemory
from vostool.nn.proposal_matching import Candidates, Templates


@dataclass(frozen=True)
class ProposalFeatures:
    """Object-independent features of V images.

    Attributes:
        maps: `[V, C, h, w]`.
        key: `[V, h*w, Ck]`.
        value: `[V, Cv, h, w]`.
        skips: RefineNet's, after their own convolutions.
        proposals: per view, those that came with the frame, or None.
    """

    maps: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    skips: Skips
    proposals: tuple[Candidates | None, ...]

    def of(self, image: int) -> ImageFeatures:
        """What matching asks of one image."""
        return ImageFeatures(self.key[image], self.value[image])


@dataclass
class ProposalState:
    """Objects in order of arrival.

    Attributes:
        memories: of each object.
        templates: of each object and view, from the frame that gave its mask last.
        last: `[V, N, h4, w4]` probabilities of the last frame.
    """

    max_memory: int | None
    memories: list[ObjectMemory] = field(default_factory=list)
    templates: list[Templates | None] = field(default_factory=list)
    last: torch.Tensor | None = None
