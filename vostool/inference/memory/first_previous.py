"""`first-previous`: the given frame and the previous one; constant memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vostool.core.types import Fate
from vostool.inference.strategy import Sighting, whole_numbers

USAGE = "write first-previous, without numbers"


@dataclass(frozen=True)
class FirstPrevious:
    """Every predicted frame is held until the next one."""

    needs_mask: ClassVar[bool] = False
    max_memory: ClassVar[int | None] = None

    def decide(self, sighting: Sighting) -> Fate:
        """See `Strategy.decide`."""
        return Fate.REPLACE


def parse(arguments: tuple[str, ...]) -> FirstPrevious:
    """Build from the part behind the colon."""
    whole_numbers("first-previous", arguments, USAGE, 0)
    return FirstPrevious()
