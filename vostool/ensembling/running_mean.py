"""A mean that holds no more than its sum.

What is averaged are probabilities *after* aggregation over objects, background included: averaging
before it, or averaging logits, would be a geometric mean of odds that one saturated member decides.
"""

from __future__ import annotations

import torch


class RunningMean:
    """Weighted mean of equally shaped float tensors, without holding more than their sum.

    A single one is its own sum and mean, without a copy: many objects in large frames are large.
    """

    def __init__(self) -> None:
        self._sum: torch.Tensor | None = None
        self._weight = 0.0
        self._borrowed = False

    def add(self, planes: torch.Tensor, weight: float = 1.0) -> None:
        """Add one; `planes` is not modified."""
        if self._sum is None:
            self._borrowed = weight == 1
            self._sum = planes if self._borrowed else planes * weight
        elif self._sum.shape != planes.shape:
            raise ValueError(f"cannot average {tuple(planes.shape)} with {tuple(self._sum.shape)}")
        elif self._borrowed:
            self._sum, self._borrowed = self._sum.add(planes, alpha=weight), False
        else:
            self._sum.add_(planes, alpha=weight)
        self._weight += weight

    def mean(self) -> torch.Tensor:
        """The mean of what was added, not to be modified.

        Raises:
            ValueError: nothing (of weight) was added.
        """
        if self._sum is None or self._weight <= 0:
            raise ValueError("the mean of nothing")
        return self._sum if self._weight == 1 else self._sum / self._weight
