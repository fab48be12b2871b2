"""Training clips by number: sample k is the same on every run, process and resume.

Data sets here are map-style with `samples` items; item k depends on (seed, k) alone. So a run is
resumed by going on at the next number, and processes only share out numbers.
"""

from __future__ import annotations

import numpy as np
import torch

from vostool.core.types import Clip, ObjectProposals

SOURCE_ATTEMPTS = 20
"""Sources tried for one sample before it is an error that none has an object."""


def generator(seed: int, sample: int) -> np.random.Generator:
    """The random generator of sample number `sample`."""
    return np.random.default_rng((seed, sample))


def clip_of(
    images: np.ndarray,
    labels: np.ndarray,
    previous: np.ndarray | None = None,
    proposals: tuple[ObjectProposals, ...] | None = None,
) -> Clip:
    """One clip (B = 1) of uint8 images `[T, H, W, 3]` and label rows `[T, H, W]`.

    N is the number of rows in frame 0, which are 1..N.
    """
    count = int(labels[0].max())
    stacked = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    return Clip(
        images=stacked.float().div_(255)[None],
        labels=torch.from_numpy(labels.astype(np.int64))[None],
        present=torch.ones(1, count, dtype=torch.bool),
        previous=None if previous is None else torch.from_numpy(previous.astype(np.int64))[None],
        proposals=None if proposals is None else (proposals,),
    )
