"""Given masks: who is being followed, and what a given mask does to a prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from vostool.core.types import ObjectIds


@dataclass
class Cast:
    """The objects that have appeared so far, in order of appearance (their rows).

    Attributes:
        ids: all objects of the video.
        rows: id of each row, the first being row 1.
        starts: per row, index of the frame in which its mask was given.
    """

    ids: ObjectIds
    rows: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows)

    def enter(self, given: np.ndarray | None, index: int) -> list[int]:
        """Take in the objects that have pixels in a given id mask.

        An object with an empty mask does not appear. One that is given again keeps its row.

        Returns:
            rows (1..N) of the given objects, ascending.
        """
        if given is None:
            return []
        found = [value for value in np.unique(given).tolist() if value in self.ids.values]
        for value in found:
            if value not in self.rows:
                self.rows.append(value)
                self.starts.append(index)
        return sorted(self.rows.index(value) + 1 for value in found)

    def one_hot(self, given: np.ndarray, rows: Sequence[int], device: torch.device) -> torch.Tensor:
        """Planes float32 `[len(rows), H, W]` of a given id mask."""
        ids = torch.from_numpy(np.ascontiguousarray(given)).to(device)
        return torch.stack([(ids == self.rows[row - 1]).float() for row in rows])

    def in_id_order(self, probabilities: torch.Tensor) -> torch.Tensor:
        """`[N+1, H, W]` by row -> `[K+1, H, W]` by id; 0 for objects that have not appeared."""
        order = [self.rows.index(value) + 1 if value in self.rows else 0 for value in self.ids]
        if order == list(range(1, len(self.rows) + 1)) and len(probabilities) == len(order) + 1:
            return probabilities
        result = probabilities[[0, *order]]
        for channel, row in enumerate(order, start=1):
            if row == 0:
                result[channel] = 0
        return result


def override(probabilities: torch.Tensor, given: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
    """Put given masks into a prediction.

    Given objects are exactly where their masks say; there, all others have probability 0. Where a
    given object was predicted but is not, the others share its probability in proportion.

    Args:
        probabilities: `[..., N+1, H, W]`, sum 1.
        given: disjoint 0/1 planes `[..., G, H, W]`.
        rows: their G rows.

    Returns:
        A new tensor `[..., N+1, H, W]`, sum 1.
    """
    index = torch.tensor(list(rows), device=probabilities.device)
    others = probabilities.index_fill(-3, index, 0)
    removed = probabilities.index_select(-3, index).sum(-3, keepdim=True)
    left = others.sum(-3, keepdim=True).masked_fill(removed == 0, 1)
    certain = left <= torch.finfo(torch.float32).eps
    # In place: with many objects in large frames each copy counts.
    others.div_(left.masked_fill(certain, 1)).masked_fill_(certain, 0)
    others.select(-3, 0).masked_fill_(certain.squeeze(-3), 1)
    covered = given.amax(-3, keepdim=True) > 0
    return others.masked_fill_(covered, 0).index_copy_(-3, index, given)


@dataclass(frozen=True)
class Given:
    """Masks that are given in a frame.

    Attributes:
        planes: disjoint 0/1 planes `[..., G, H, W]`.
        rows: their G rows.
    """

    planes: torch.Tensor
    rows: list[int]

    def put_into(self, probabilities: torch.Tensor) -> torch.Tensor:
        """See `override`."""
        return override(probabilities, self.planes, self.rows)


def with_new_rows(probabilities: torch.Tensor, count: int) -> torch.Tensor:
    """Append channels of 0 to `[..., N+1, H, W]` until there are `count` objects."""
    missing = count + 1 - probabilities.shape[-3]
    if missing == 0:
        return probabilities
    shape = (*probabilities.shape[:-3], missing, *probabilities.shape[-2:])
    return torch.cat([probabilities, probabilities.new_zeros(shape)], dim=-3)
