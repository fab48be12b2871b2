"""Two masks of a frame in one picture: what is there now, and what changed."""

from __future__ import annotations

import numpy as np

from vostool.media.masks import DAVIS_PALETTE
from vostool.reporting.overlay import contour_width, draw_overlay

STRIPE = 4
"""Pixels, of stripes of the former colour and white."""


def draw_changes(image: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The new mask over the image; stripes of the former object's colour where pixels changed.

    Pixels that were background have stripes of the new object's colour.

    Args:
        image: uint8 RGB `[H, W, 3]`.
        before, after: uint8 ids `[H, W]`.

    Returns:
        uint8 RGB `[H, W, 3]`.
    """
    drawn = draw_overlay(image, after, contour=contour_width(image))
    rows, columns = np.nonzero(before != after)
    former = before[rows, columns]
    colours = DAVIS_PALETTE[np.where(former > 0, former, after[rows, columns])]
    white = (rows + columns) // STRIPE % 2 == 1
    drawn[rows, columns] = np.where(white[:, None], np.uint8(255), colours)
    return drawn
