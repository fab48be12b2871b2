"""Weights of members: one number each, as an option of a method."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from vostool.core.errors import UsageError
from vostool.ensembling.method import Members


def _split(value: Any) -> Any:
    if isinstance(value, (int, float)):
        return (value,)
    if not isinstance(value, str):
        return value
    try:
        return tuple(float(part) for part in value.split(","))
    except ValueError:
        raise ValueError(f"{value} are not numbers: write one per member, such as 2,1,1") from None


def _sound(weights: tuple[float, ...]) -> tuple[float, ...]:
    if all(math.isfinite(item) and item >= 0 for item in weights) and sum(weights) > 0:
        return weights
    raise ValueError(f"{as_text(weights)} make no sense: each is at least 0, and not all are 0")


Weights = Annotated[tuple[float, ...], BeforeValidator(_split), AfterValidator(_sound)]
"""Numbers, or text such as "2,1,1": finite, at least 0, and not all 0."""


def as_text(weights: tuple[float, ...]) -> str:
    """As they are written on the command line."""
    return ",".join(f"{weight:g}" for weight in weights)


def check_count(weights: tuple[float, ...], members: Members) -> None:
    """Raise UsageError unless there is one weight per member."""
    if len(weights) != len(members):
        raise UsageError(
            f"{len(weights)} weights ({as_text(weights)}) for {len(members)} members "
            f"({', '.join(members.names)})",
            remedy="give one per member, in this order",
        )
