"""What `vostool fit-ensemble` fitted: a network that weighs members per pixel, or fixed weights.

The file knows which members it was fitted on, and refuses others.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from pydantic import Field

from vostool.core.options import Options
from vostool.ensembling.fitted import read_fitted
from vostool.ensembling.fusion import FusionNetwork
from vostool.ensembling.method import Accumulator, Members, Needs
from vostool.ensembling.methods import weighted

NEEDS = Needs.PROBABILITIES


class Params(Options):
    """The file."""

    weights: Path = Field(description="file that `vostool fit-ensemble` wrote")


def prepare(params: Params, members: Members) -> Callable[[], Accumulator]:
    """Read the file, and check that its members are these.

    Raises:
        CheckpointError: the file cannot be used.
    """
    fitted = read_fitted(params.weights)
    fitted.check_members(members)
    if fitted.about.weights is not None:
        return weighted.prepare(weighted.Params(weights=fitted.about.weights), members)
    return partial(_Learned, fitted.network())


class _Learned:
    """Holds the planes of all members of one frame."""

    def __init__(self, network: FusionNetwork):
        self._network = network
        self._planes: list[torch.Tensor] = []

    def add(self, planes: torch.Tensor, member: int) -> None:
        self._planes.append(planes.float())

    @torch.no_grad()
    def result(self) -> torch.Tensor:
        planes = torch.stack(self._planes)
        network = self._network.to(planes.device)
        return network(planes)[1]
