"""`every:K`: the first frame, every K-th and the previous one (STM, section 3.5; K = 5 there)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vostool.core.types import Fate
from vostool.inference.strategy import Sighting, whole_numbers

USAGE = "write every:K with K frames between two memories, such as every:5"


@dataclass(frozen=True)
class Every:
    """Keeps frames whose index is a multiple of `interval`; others serve as previous frame."""

    needs_mask: ClassVar[bool] = False
    max_memory: ClassVar[int | None] = None

    interval: int = 5

    def decide(self, sighting: Sighting) -> Fate:
        """See `Strategy.decide`."""
        return Fate.REPLACE if sighting.frame % self.interval else Fate.KEEP


def parse(arguments: tuple[str, ...]) -> Every:
    """Build from the part behind the colon."""
    return Every(*whole_numbers("every", arguments, USAGE, 1)) if arguments else Every()
