"""Masks of objects that may overlap: each object is compared alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vostool.scoring.mask_pair import MaskPair, Workspace


@dataclass(frozen=True)
class LayeredPair:
    """What is needed of the predicted and true masks of N objects in one frame.

    Attributes:
        pairs: one per object, in which it has id 1.
        predicted, truth: the masks, packed to bits, uint8 `[N, ceil(H W / 8)]`.
    """

    pairs: tuple[MaskPair, ...]
    predicted: np.ndarray
    truth: np.ndarray

    @classmethod
    def of(
        cls,
        predicted: Mapping[int, np.ndarray],
        truth: Mapping[int, np.ndarray],
        ids: Sequence[int],
        size: tuple[int, int],
        workspace: Workspace | None = None,
    ) -> LayeredPair:
        """Build from bool masks `[H, W]` per id; an id without a mask is absent.

        Raises:
            ValueError: a mask has another size, or there are no ids.
        """
        empty = np.zeros(size, bool)
        these = [np.ascontiguousarray(predicted.get(number, empty)) for number in ids]
        those = [np.ascontiguousarray(truth.get(number, empty)) for number in ids]
        pairs = tuple(
            MaskPair.of(p.view(np.uint8), t.view(np.uint8), workspace)
            for p, t in zip(these, those, strict=True)
        )
        return cls(pairs, _packed(these), _packed(those))

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return self.pairs[0].size

    def areas(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `MaskPair.areas`, of all N objects; `ids` are those that the pair was built with."""
        one = np.ones(1, np.int64)
        columns = [np.concatenate(pair.areas(one)) for pair in self.pairs]
        predicted, truth, both = np.array(columns).reshape(-1, 3).T
        return predicted, truth, both

    def overlaps(self, ids: np.ndarray) -> np.ndarray:
        """Pixels that each true object (rows) shares with each predicted one, float64 `[N, N]`."""
        rows = [
            np.bitwise_count(mask & self.predicted).sum(1, dtype=np.int64) for mask in self.truth
        ]
        return np.array(rows, np.float64)


def _packed(masks: list[np.ndarray]) -> np.ndarray:
    return np.stack([np.packbits(mask) for mask in masks])
