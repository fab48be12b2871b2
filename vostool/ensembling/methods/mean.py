"""Mean of the members' probabilities."""

from __future__ import annotations

from collections.abc import Callable

import torch

from vostool.core.options import Options
from vostool.ensembling.method import Accumulator, Members, Needs
from vostool.ensembling.running_mean import RunningMean

NEEDS = Needs.PROBABILITIES


class Params(Options):
    """No choices."""


def prepare(params: Params, members: Members) -> Callable[[], Accumulator]:
    """Any members can be averaged."""
    return _Mean


class _Mean:
    """Holds the sum alone."""

    def __init__(self) -> None:
        self._mean = RunningMean()

    def add(self, planes: torch.Tensor, member: int) -> None:
        self._mean.add(planes)

    def result(self) -> torch.Tensor:
        return self._mean.mean()
