"""Vote over the members' masks: per pixel the label that most members (by weight) name; of labels
with equal shares the one with the higher mean probability, else the background, else the lower id.

The planes are the shares of the vote. No rule looks at the order of the members. Members among whom
no majority can form are refused: the result would be a copy of one of them, or background wherever
two masks differ.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from pydantic import Field

from vostool.core.errors import UsageError
from vostool.core.options import Options
from vostool.ensembling.method import Accumulator, Members, Needs
from vostool.ensembling.weights import Weights, as_text, check_count

NEEDS = Needs.MASKS
MEAN_SHARE = 1 / 1024
"""How much of the planes is the weighted mean of the members' own: too little to be seen in bytes,
and enough to decide between shares that are equal."""
ROUNDING = 1e-9
"""Relative error of sums of weights."""
DECIMALS = 9
"""Of the planes: sums of weights that are equal must not differ by rounding."""


class Params(Options):
    """Who counts how much."""

    weights: Weights | None = Field(
        None, description="One number per member, at least 0, such as 2,2,1; by default all equal."
    )


def prepare(params: Params, members: Members) -> Callable[[], Accumulator]:
    """Refuse members among whom no majority can form: one outvotes all others, or two masks."""
    weights = params.weights or (1.0,) * len(members)
    check_count(weights, members)
    if len(members) > 1:
        _check_majorities(weights, members)
    return partial(_Vote, weights)


def _check_majorities(weights: tuple[float, ...], members: Members) -> None:
    strongest = max(weights)
    number = weights.index(strongest)
    others = sum(weights) - strongest
    if strongest > others * (1 + ROUNDING):
        raise UsageError(
            f"{members.names[number]} alone outvotes all others with weights {as_text(weights)}, "
            "so that the vote would be a copy of it",
            remedy="no weight may exceed the sum of the others; a weighted mean needs no majority",
        )
    if sum(weight > 0 for weight in weights) == 2 and not members.probabilities:
        raise UsageError(
            "two masks have no majority where they differ",
            remedy="add a third member, or take the mean of probabilities "
            "(vostool infer --save-probabilities)",
        )


class _Vote:
    """Holds the shares alone."""

    def __init__(self, weights: tuple[float, ...]):
        self._shares_of = [weight / sum(weights) for weight in weights]
        self._shares: torch.Tensor | None = None

    def add(self, planes: torch.Tensor, member: int) -> None:
        if self._shares is None:
            self._shares = torch.zeros_like(planes, dtype=torch.float64)
        share = self._shares_of[member]
        label = planes.max(dim=0, keepdim=True).indices
        self._shares.add_(planes, alpha=share * MEAN_SHARE)
        self._shares.scatter_add_(
            0, label, torch.full_like(self._shares[:1], share * (1 - MEAN_SHARE))
        )

    def result(self) -> torch.Tensor:
        if self._shares is None:
            raise ValueError("a vote of nobody")
        return self._shares.round(decimals=DECIMALS).float()
