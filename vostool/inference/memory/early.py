"""`early:N,K`: as `every:K`, and each of the first N frames after an object's appearance.

For objects that are to be seen in very few frames (FAMNet's reason for a second sampling).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vostool.core.types import Fate
from vostool.inference.strategy import Sighting, whole_numbers

USAGE = "write early:N,K with N first frames and every K-th after them, such as early:10,5"


@dataclass(frozen=True)
class Early:
    """Dense memory for `first` frames of each object, then one frame in `interval`."""

    first: int
    interval: int

    needs_mask: ClassVar[bool] = False
    max_memory: ClassVar[int | None] = None

    def decide(self, sighting: Sighting) -> Fate:
        """See `Strategy.decide`."""
        if sighting.since_start <= self.first or sighting.frame % self.interval == 0:
            return Fate.KEEP
        return Fate.REPLACE


def parse(arguments: tuple[str, ...]) -> Early:
    """Build from the part behind the colon."""
    return Early(*whole_numbers("early", arguments, USAGE, 2))
