"""Which objects are small, and the window that follows each.

Sizes are (height, width) in pixels of the frame, unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from vostool.inference.crop_zoom.window import Zoom
from vostool.inference.small_objects.options import SmallObjectsOptions
from vostool.media.boxes import mask_box

LARGER = 1.25
"""By which a window is enlarged that cuts the given mask."""


@dataclass
class Seen:
    """An object in the first pass.

    Attributes:
        object_id: its id.
        first: index of the frame in which its mask is given.
        given: that mask, bool `[H, W]`.
        parts: per frame that has it, area as part of the frame.
        sides: per frame that has it, root of the box's area in pixels.
        centres: per frame from `first` on, (row, column), None where it is not seen.
    """

    object_id: int
    first: int
    given: np.ndarray
    parts: list[float] = field(default_factory=list)
    sides: list[float] = field(default_factory=list)
    centres: list[tuple[float, float] | None] = field(default_factory=list)

    def add(self, mask: np.ndarray) -> None:
        """Take in the mask bool `[H, W]` of the next frame, the one with the given mask first."""
        box = mask_box(mask)
        if box is None:
            self.centres.append(None)
            return
        rows, columns = np.nonzero(mask)
        self.parts.append(len(rows) / mask.size)
        self.sides.append(float(np.sqrt(box.area)))
        self.centres.append((float(rows.mean()), float(columns.mean())))

    def is_small(self, options: SmallObjectsOptions) -> bool:
        """Whether it is to be segmented again."""
        return bool(self.parts) and float(np.median(self.parts)) < options.largest_area


def plan_window(
    seen: Seen, frame: tuple[int, int], network: tuple[float, float], options: SmallObjectsOptions
) -> Zoom:
    """The window's size, the same in all frames, so that memory stays comparable.

    Args:
        frame: least height and least width over the video's frames.
        network: height and width at which the first pass sees a frame at scale 1.
    """
    factor = float(np.clip(options.target_side / np.median(seen.sides), 1, options.largest_zoom))
    while True:
        size = tuple(
            min(whole, max(1, round(side / factor)))
            for whole, side in zip(frame, network, strict=True)
        )
        window = (size[0], size[1])
        if window == frame or _cut(seen, window) <= options.largest_cut:
            break
        factor /= LARGER
    seen_as = (max(1, round(window[0] * factor)), max(1, round(window[1] * factor)))
    return Zoom(window, seen_as)


def _cut(seen: Seen, window: tuple[int, int]) -> float:
    """Part of the given mask that a window around its centre does not hold."""
    centre = seen.centres[0]
    assert centre is not None  # a mask that is given is not empty
    height, width = seen.given.shape
    top, left = _corner(centre, window, (height, width))
    inside = seen.given[top : top + window[0], left : left + window[1]]
    return 1 - np.count_nonzero(inside) / np.count_nonzero(seen.given)


def corners(
    seen: Seen,
    sizes: Sequence[tuple[int, int]],
    window: tuple[int, int],
    options: SmallObjectsOptions,
) -> list[tuple[int, int]]:
    """Top left corners (row, column) from the object's first frame on.

    The centre is an exponential mean over the frames that have the object; without it, it stays.

    Args:
        sizes: of the frames from the object's first one on.
    """
    found, centre = [], None
    for place, size in zip(seen.centres, sizes, strict=True):
        if place is not None and centre is not None:
            old = options.smoothing
            centre = (
                old * centre[0] + (1 - old) * place[0],
                old * centre[1] + (1 - old) * place[1],
            )
        else:
            centre = centre or place
        assert centre is not None
        found.append(_corner(centre, window, size))
    return found


def _corner(
    centre: tuple[float, float], window: tuple[int, int], size: tuple[int, int]
) -> tuple[int, int]:
    """A window around a centre, moved inside the frame."""
    top, left = (
        min(max(round(middle - length / 2), 0), whole - length)
        for middle, length, whole in zip(centre, window, size, strict=True)
    )
    return top, left
