"""Weighted mixture of clip sources, decided by the sample's number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch.utils.data import Dataset

from vostool.core.types import Clip
from vostool.training.clips.sampling import generator

STREAM = 0x6D697874
"""Sets the mixture's random numbers apart from those of its sources with the same seed."""


class Mixture(Dataset[Clip]):
    """Takes sample k from one of several sources, at random by weight.

    The source sees the number k itself, so that curricula count all samples of the run.

    Args:
        sources: clip data sets, all with the same frames and crop.
        weights: positive, any sum.
        samples: length.
        seed: together with the sample's number, decides the source.

    Raises:
        ValueError: no sources, or weights that do not fit them.
    """

    def __init__(
        self,
        sources: Sequence[Dataset[Clip]],
        weights: Sequence[float],
        *,
        samples: int,
        seed: int = 0,
    ):
        if not sources or len(sources) != len(weights) or min(weights) <= 0:
            raise ValueError("a mixture needs sources, and one positive weight for each")
        self.sources, self.samples, self.seed = tuple(sources), samples, seed
        self._ends = np.cumsum(weights) / np.sum(weights)

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, sample: int) -> Clip:
        return self.sources[self.source_of(sample)][sample]

    def source_of(self, sample: int) -> int:
        """Position of the source that gives sample number `sample`."""
        draw = generator(self.seed ^ STREAM, sample).random()
        return min(int(np.searchsorted(self._ends, draw, side="right")), len(self.sources) - 1)
