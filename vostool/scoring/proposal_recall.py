"""How many true objects a proposal stands for: recall bounds whatever chooses among proposals."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from vostool.core.figures import per_cent
from vostool.nn.mask_proposals import overlap_matrix

OVERLAPS = (0.5, 0.75)
"""Smallest intersection over union at which a proposal stands for an object."""


@dataclass
class Recall:
    """Counts over frames.

    Attributes:
        best: of each object of each frame, the largest intersection over union with a proposal.
        proposals: how many there were, frame by frame.
    """

    best: list[float] = field(default_factory=list)
    proposals: list[int] = field(default_factory=list)

    def add(self, masks: torch.Tensor, objects: torch.Tensor) -> None:
        """One frame.

        Args:
            masks: bool `[P, H, W]` of the proposals.
            objects: bool `[N, H, W]`, true masks; those without a pixel do not count.
        """
        self.proposals.append(len(masks))
        objects = objects[objects.flatten(1).any(1)]
        if len(masks) and len(objects):
            self.best += overlap_matrix(objects, masks).amax(1).tolist()
        else:
            self.best += [0.0] * len(objects)

    def at(self, overlap: float) -> float:
        """Share of the objects that a proposal overlaps by at least so much; NaN without any."""
        if not self.best:
            return float("nan")
        return sum(value >= overlap for value in self.best) / len(self.best)

    def __str__(self) -> str:
        shares = [f"{per_cent(self.at(overlap))} % at IoU {overlap:g}" for overlap in OVERLAPS]
        mean = sum(self.proposals) / max(len(self.proposals), 1)
        counts = f"{len(self.best)} objects in {len(self.proposals)} frames"
        return f"recall {', '.join(shares)} ({counts}, {mean:.1f} proposals per frame)"
