"""A small picture of one object: where it scores least, or changed most."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vostool.reporting.overlay import contour_of
from vostool.reporting.video_view import fit

WIDTH, HEIGHT = 240, 135
"""Of every crop, so that tables keep their shape."""
MARGIN = 0.35
"""Of the object's box, around it."""
FAR = 4
"""What the prediction holds elsewhere is left out where it makes the box so many times larger."""
STRENGTH = 0.6
"""Share of the colour where masks differ."""

FIRST_ONLY, SECOND_ONLY = (230, 159, 0), (86, 180, 233)
"""Orange and sky blue of Okabe and Ito's colours, which colour-blind readers can tell apart.

Of a prediction and the truth: what is too much (false positive), and what is missed (false
negative). The pages' script and style use the same two.
"""


@dataclass(frozen=True)
class Crop:
    """Where and how an object is drawn.

    Attributes:
        id: the object.
        image: uint8 RGB `[H, W, 3]`.
        mask, other: uint8 ids `[H, W]`, such as a prediction and the truth; the second may be None.
    """

    id: int
    image: np.ndarray
    mask: np.ndarray
    other: np.ndarray | None

    def draw(self) -> np.ndarray:
        """The object with what the masks differ in, uint8 RGB `[HEIGHT, WIDTH, 3]`."""
        mine = self.mask == self.id
        theirs = mine if self.other is None else self.other == self.id
        top, left, bottom, right = crop_box(_worth_seeing(mine, theirs))
        window = np.s_[top:bottom, left:right]
        image = fit(self.image[window], (WIDTH, HEIGHT), cv2.INTER_AREA).astype(np.float32)
        first, second = (_scaled(mask[window]) for mask in (mine, theirs))
        for pixels, colour in ((first & ~second, FIRST_ONLY), (second & ~first, SECOND_ONLY)):
            image[pixels] = image[pixels] * (1 - STRENGTH) + np.array(colour) * STRENGTH
        image[contour_of(second.astype(np.uint8), 1)] = 255
        return np.rint(image).astype(np.uint8)


def crop_box(pixels: np.ndarray) -> tuple[int, int, int, int]:
    """Top, left, bottom and right (ends excluded) around an object, wide enough for the picture.

    It has the picture's proportions as far as the frame allows; without any pixel it is the frame.

    Args:
        pixels: bool `[H, W]`.
    """
    height, width = pixels.shape
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    if not len(rows):
        return 0, 0, height, width
    tall = (rows[-1] - rows[0] + 1) * (1 + 2 * MARGIN)
    wide = (columns[-1] - columns[0] + 1) * (1 + 2 * MARGIN)
    wide = max(wide, min(tall, height) * WIDTH / HEIGHT, WIDTH / 4)
    tall = wide * HEIGHT / WIDTH
    top, bottom = _span((rows[0] + rows[-1] + 1) / 2, tall, height)
    left, right = _span((columns[0] + columns[-1] + 1) / 2, wide, width)
    return top, left, bottom, right


def _worth_seeing(mine: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Both masks, or the second one alone where the first one has pixels far away from it."""
    both = mine | theirs
    if theirs.any() and _box_area(both) > FAR * _box_area(theirs):
        return theirs
    return both


def _box_area(pixels: np.ndarray) -> int:
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    return int((rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1))


def _span(middle: float, length: float, limit: int) -> tuple[int, int]:
    """Whole numbers around the middle, moved inside 0..limit."""
    size = min(limit, max(1, round(length)))
    start = min(max(0, round(middle - size / 2)), limit - size)
    return start, start + size


def _scaled(mask: np.ndarray) -> np.ndarray:
    return fit(mask.astype(np.uint8), (WIDTH, HEIGHT), cv2.INTER_NEAREST).astype(bool)
