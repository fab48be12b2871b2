"""The window around an object: one size for the whole video, so that memory stays comparable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vostool.inference.crop_zoom.options import CropZoomOptions
from vostool.inference.crop_zoom.trail import Trail
from vostool.media.boxes import Box


@dataclass(frozen=True)
class Zoom:
    """Sizes of an object's window.

    Attributes:
        window: height and width in pixels of the frame.
        seen_as: height and width to which it is resized.
    """

    window: tuple[int, int]
    seen_as: tuple[int, int]

    @property
    def factor(self) -> float:
        """Network pixels per pixel of the frame, along the height."""
        return self.seen_as[0] / self.window[0]

    @classmethod
    def plan(
        cls, largest: tuple[float, float], frame: tuple[int, int], options: CropZoomOptions
    ) -> Zoom:
        """Window for an object.

        Args:
            largest: widest and highest box side, in pixels.
            frame: least height and least width over the video's frames.
        """
        width, height = largest
        wanted = max(options.margin * max(height, width / options.aspect), options.least_height)
        rows = min(round(wanted), frame[0])
        columns = min(round(wanted * options.aspect), frame[1])
        factor = min(options.zoom_height / rows, options.zoom_width / columns, options.largest_zoom)
        if abs(rows * options.aspect - columns) < 1 and factor < options.largest_zoom:
            return cls((rows, columns), (options.zoom_height, options.zoom_width))
        return cls((rows, columns), (max(1, round(rows * factor)), max(1, round(columns * factor))))


@dataclass(frozen=True)
class Anchor:
    """Where to look for the object in a frame.

    Attributes:
        box: around which the window is laid.
        trusted: False where neither tracker nor mask is believed and `box` is the last good one.
    """

    box: Box
    trusted: bool


def anchors(trail: Trail, options: CropZoomOptions) -> list[Anchor]:
    """The box to follow from the object's first frame on.

    The tracker's, unless its score is low or it has disagreed with the mask for a while (a tracker
    that is lost may not know it); then the mask's; the last one where there is no mask either.
    """
    found = [Anchor(trail.given, True)]
    disagreeing = 0
    for sight in trail.sights:
        if sight.seen is not None:
            disagreeing = 0 if sight.agrees else disagreeing + 1
        if sight.score >= options.least_score and disagreeing < options.lost_after:
            found.append(Anchor(sight.tracked, True))
        elif sight.seen is not None:
            found.append(Anchor(sight.seen, True))
        else:
            found.append(Anchor(found[-1].box, False))
    return found


def windows(
    boxes: Sequence[Box],
    sizes: Sequence[tuple[int, int]],
    window: tuple[int, int],
    smoothing: int,
) -> list[tuple[int, int]]:
    """Top left corners (row, column) of a window that follows boxes.

    Centres are smoothed by a running median (fewer frames at both ends), then moved as little as
    needed to contain the frame's own box, if it fits, and to stay inside the frame.

    Args:
        boxes: one per frame.
        sizes: height and width of each frame, none less than the window's.
        window: height and width.
        smoothing: frames of the median.
    """
    centres = np.array([box.centre for box in boxes])
    reach = smoothing // 2
    corners = []
    for index, (box, size) in enumerate(zip(boxes, sizes, strict=True)):
        nearby = centres[max(0, index - reach) : index + reach + 1]
        x, y = np.median(nearby, axis=0)
        left = _place(x, window[1], box.x, box.width, size[1])
        top = _place(y, window[0], box.y, box.height, size[0])
        corners.append((top, left))
    return corners


def _place(centre: float, length: int, start: float, extent: float, end: int) -> int:
    """Whole-pixel start of a window of `length` along one axis of a frame that has `end` pixels."""
    low, high = int(np.ceil(start + extent)) - length, int(np.floor(start))
    first = round(centre - length / 2)
    if low <= high:
        first = min(max(first, low), high)
    else:
        first = round(start + extent / 2 - length / 2)
    return min(max(first, 0), end - length)
