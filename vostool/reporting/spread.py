"""Mean and spread of one figure over several trainings, checkpoints or settings."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Spread:
    """How a figure varies.

    Attributes:
        mean: of the values.
        deviation: sample standard deviation (n - 1); 0 for a single value.
        lowest, highest: of the values.
        count: how many values there are.
    """

    mean: float
    deviation: float
    lowest: float
    highest: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of at least one value. Raises ValueError for none."""
        if not values:
            raise ValueError("no values")
        deviation = statistics.stdev(values) if len(values) > 1 else 0.0
        return cls(statistics.fmean(values), deviation, min(values), max(values), len(values))

    def as_json(self) -> dict[str, float]:
        """Its parts by name."""
        return asdict(self)
