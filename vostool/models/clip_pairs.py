"""Training clips as (clip, object) pairs.

Axes: B clips, N objects, M pairs of those that are there.
"""

from __future__ import annotations

import torch

from vostool.core.types import Clip, ObjectProposals


class ClipPairs:
    """Pairs and true masks of a batch of clips, clip after clip.

    Attributes:
        frames: T.
        owner, slot: int64 `[M]`, clip and object of each pair.
        pairs_of_clip: per clip, its pairs.
    """

    def __init__(self, clip: Clip):
        self._clip = clip
        self.frames = clip.images.shape[1]
        self.owner, self.slot = clip.present.nonzero(as_tuple=True)
        owners = self.owner.tolist()
        self.pairs_of_clip = [
            [pair for pair, owner in enumerate(owners) if owner == index]
            for index in range(len(clip.present))
        ]

    def true_masks(self, frame: int) -> torch.Tensor:
        """One-hot float32 `[B, N, H, W]` of a frame, without objects that are not present."""
        present = self._clip.present
        rows = torch.arange(1, present.shape[1] + 1, device=present.device)
        masks = self._clip.labels[:, frame, None] == rows[:, None, None]
        return (masks & present[..., None, None]).float()

    def proposals(self, index: int, frame: int) -> ObjectProposals | None:
        """Those of a clip's frame, or None for a clip without."""
        of_clip = self._clip.proposals and self._clip.proposals[index]
        return of_clip[frame] if of_clip else None

    def by_object(self, of_pairs: torch.Tensor) -> torch.Tensor:
        """`[M, ...]` -> `[B, N, ...]`, 0 for objects that a clip does not have."""
        result = of_pairs.new_zeros((*self._clip.present.shape, *of_pairs.shape[1:]))
        return result.index_put((self.owner, self.slot), of_pairs)
