"""How large frames are to the networks at scale 1."""

from __future__ import annotations

from dataclasses import dataclass

LARGEST_SHORT_SIDE = 480
"""Pixels of the shorter side that larger frames are brought to where nobody says otherwise.

The size at which the field trains, infers and reports: DAVIS, YouTube-VOS, MOSE and LVOS alike."""


@dataclass(frozen=True)
class Sides:
    """Sizes at scale 1, before they are rounded to what a network takes.

    Attributes:
        short: pixels of the shorter side; None is the frame's own.
        long: most pixels of the longer side, whatever the shorter one then is; None is no limit.
            Views are scaled after that (CAMN: 1040 for one scale, 800 for several).
        most: most pixels of the shorter side where `short` says nothing; None is no limit.
    """

    short: int | None = None
    long: int | None = None
    most: int | None = None

    def factor(self, frame_size: tuple[int, int]) -> float:
        """By which a frame (height, width) is resized at scale 1."""
        factor = 1.0 if self.short is None else self.short / min(frame_size)
        if self.limits(frame_size):
            assert self.most is not None
            factor = self.most / min(frame_size)
        return factor if self.long is None else min(factor, self.long / max(frame_size))

    def limits(self, frame_size: tuple[int, int]) -> bool:
        """Whether a frame (height, width) is made smaller because of `most`."""
        return self.short is None and self.most is not None and min(frame_size) > self.most
