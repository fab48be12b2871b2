"""`visible[:AREA,CONFIDENCE,GAP]`: frames in which the object is surely there.

Objects that show themselves briefly get dense memory, and empty masks never enter it. Our reading
of FAMNet's second memory sampling, which the paper motivates but does not define.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vostool.core.errors import UsageError
from vostool.core.types import Fate
from vostool.inference.strategy import Sighting

USAGE = "write visible, or visible:AREA,CONFIDENCE,GAP such as visible:64,0.7,2"


@dataclass(frozen=True)
class Visible:
    """Keeps a frame if the object is large and certain enough and was not just kept.

    Attributes:
        area: least number of pixels.
        confidence: least mean probability over them.
        gap: least number of frames since the last one that was kept.
    """

    area: float = 64
    confidence: float = 0.7
    gap: int = 2

    needs_mask: ClassVar[bool] = True
    max_memory: ClassVar[int | None] = 40

    def decide(self, sighting: Sighting) -> Fate:
        """See `Strategy.decide`."""
        seen = sighting.area >= self.area and sighting.confidence >= self.confidence
        return Fate.KEEP if seen and sighting.since_memory >= self.gap else Fate.SKIP


def parse(arguments: tuple[str, ...]) -> Visible:
    """Build from the part behind the colon."""
    if not arguments:
        return Visible()
    try:
        area, confidence, gap = float(arguments[0]), float(arguments[1]), int(arguments[2])
        sound = len(arguments) == 3 and area >= 0 and 0 <= confidence <= 1 and gap >= 1
    except (ValueError, IndexError):
        sound = False
    if not sound:
        given = f"visible:{','.join(arguments)}"
        raise UsageError(f"cannot understand the memory strategy {given!r}", remedy=USAGE)
    return Visible(area, confidence, gap)
