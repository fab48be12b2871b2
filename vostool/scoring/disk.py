"""Disks around a boundary pixel: which offsets count as near."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

TOLERANCE = 0.008
"""Official tolerance of DAVIS and MOSEv2, as a part of the image diagonal."""


@dataclass(frozen=True)
class Disk:
    """Offsets (rows down, columns right) at which a partner is near.

    Attributes:
        rows: (row offset, least and largest column offset), one per row that holds offsets.
    """

    rows: tuple[tuple[int, int, int], ...]

    @cached_property
    def middle(self) -> tuple[int, int]:
        """Least and largest column offset in row 0; (1, 0) where the row is empty."""
        return next(((low, high) for row, low, high in self.rows if row == 0), (1, 0))

    @cached_property
    def has_centre(self) -> bool:
        """Whether a pixel is near itself."""
        low, high = self.middle
        return low <= 0 <= high

    @cached_property
    def reach(self) -> int:
        """The largest offset along rows or columns."""
        return max(max(abs(value) for value in row) for row in self.rows)

    @cached_property
    def rows_by_distance(self) -> tuple[tuple[int, int, int], ...]:
        """The rows, nearest first; the middle row, where there is one, before all others."""
        return tuple(sorted(self.rows, key=lambda row: abs(row[0])))


def tolerance_pixels(height: int, width: int) -> int:
    """Radius of DAVIS's disk: `TOLERANCE` of the diagonal, rounded up."""
    return int(np.ceil(TOLERANCE * np.linalg.norm((height, width))))


@cache
def whole_disk(radius: int) -> Disk:
    """The disk of a whole radius: all offsets at most so far away, the centre among them."""
    return Disk(
        tuple(
            (row, -reach, reach)
            for row in range(-radius, radius + 1)
            for reach in [math.isqrt(radius**2 - row**2)]
        )
    )


@cache
def fractional_disk(radius: float) -> Disk:
    """MOSEv2's disk of a radius that need not be whole.

    Its K = ceil(2r + 1) taps lie at -r + k along either axis, and those at most r away from the
    middle are in it; but the taps are laid on whole pixels around tap K // 2, so that the disk of a
    fractional radius reaches further up and left than down and right, and may lack the centre.
    Below a radius of half a pixel's diagonal no tap is in it: then the offset (-1, -1) alone is,
    which is what OpenCV's dilation makes of an empty element.

    Args:
        radius: positive, in pixels; a whole radius of 1 or more gives `whole_disk`.

    Source: CHALLENGES.md of the project, read from the scorer of MOSE-api.
    """
    taps = -radius + np.arange(math.ceil(2 * radius + 1), dtype=np.float64)
    inside = taps[:, None] ** 2 + taps[None, :] ** 2 <= radius**2
    offsets = np.arange(len(taps)) - len(taps) // 2
    rows = []
    for row, chosen in zip(offsets.tolist(), inside, strict=True):
        columns = offsets[chosen]
        if len(columns):
            rows.append((row, int(columns[0]), int(columns[-1])))
    return Disk(tuple(rows) or ((-1, -1, -1),))
