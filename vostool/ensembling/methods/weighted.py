"""Weighted mean of the members' probabilities."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from pydantic import Field

from vostool.core.options import Options
from vostool.ensembling.method import Accumulator, Members, Needs
from vostool.ensembling.running_mean import RunningMean
from vostool.ensembling.weights import Weights, check_count

NEEDS = Needs.PROBABILITIES


class Params(Options):
    """Who counts how much."""

    weights: Weights = Field(
        description="One number per member, at least 0, such as 2,1,1; only their ratios matter."
    )


def prepare(params: Params, members: Members) -> Callable[[], Accumulator]:
    """Check that there is one weight per member."""
    check_count(params.weights, members)
    return partial(_WeightedMean, params.weights)


class _WeightedMean:
    """Holds the sum alone."""

    def __init__(self, weights: tuple[float, ...]):
        self._weights, self._mean = weights, RunningMean()

    def add(self, planes: torch.Tensor, member: int) -> None:
        self._mean.add(planes, self._weights[member])

    def result(self) -> torch.Tensor:
        return self._mean.mean()
