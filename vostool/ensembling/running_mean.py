"""A mean that holds no more than its sum.

What is averaged are probabilities *after* aggregation over objects, background included: averaging
before it, or averaging logits, would be a geometric mean of odds that one saturated member decides.
"""

from __future__ import annotations

import torch


class RunningMean:
    """Weighted mean of equally shaped float tensors, without holding more than their sum."""

    def __init__(self) -> None:
        self._sum: torch.Tensor | None = None
        self._weight = 0.0

    def add(self, planes: torch.Tensor, weight: float = 1.0) -> None:
        """Add one; `planes` is not modified."""
        if self._sum is None:
            self._sum = planes * weight
        elif self._sum.shape != planes.shape:
            raise ValueError(f"cannot average {tuple(planes.shape)} with {tuple(self._sum.shape)}")
        else:
            self._sum.add_(planes, alpha=weight)
        self._weight += weight

    def mean(self) -> torch.Tensor:
        """The mean of what was added. Raises ValueError if nothing (of weight) was."""
        if self._sum is None or self._weight <= 0:
            raise ValueError("the mean of nothing")
        return self._sum / self._weight
