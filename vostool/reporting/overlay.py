"""Masks drawn over frames."""

from __future__ import annotations

import cv2
import numpy as np

from vostool.media.masks import DAVIS_PALETTE

ALPHA = 0.45
"""Share of an object's colour inside its mask."""


def draw_overlay(
    image: np.ndarray, ids: np.ndarray, alpha: float = ALPHA, contour: int = 1
) -> np.ndarray:
    """Tint objects in their palette colour and draw their contours.

    Args:
        image: uint8 RGB `[H, W, 3]`.
        ids: uint8 `[H, W]`; 0 is left as it is.
        alpha: share of the colour inside a mask, 0 (contours only) to 1 (flat colour).
        contour: width of the contour inside each mask in pixels; 0 for none.

    Returns:
        A new uint8 RGB image `[H, W, 3]`.

    Raises:
        ValueError: the sizes differ.
    """
    if image.shape[:2] != ids.shape:
        raise ValueError(f"image is {image.shape[:2]} but the mask is {ids.shape}")
    colours = DAVIS_PALETTE[ids].astype(np.float32)
    share = np.where(ids > 0, np.float32(alpha), np.float32(0))[..., None]
    drawn = np.rint(image * (1 - share) + colours * share).astype(np.uint8)
    if contour:
        edge = contour_of(ids, contour)
        drawn[edge] = DAVIS_PALETTE[ids[edge]]
    return drawn


def contour_of(ids: np.ndarray, width: int) -> np.ndarray:
    """Pixels of objects within `width` of a pixel with another label, bool `[H, W]`."""
    kernel = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    highest, lowest = cv2.dilate(ids, kernel), cv2.erode(ids, kernel)
    return (highest != lowest) & (ids > 0)


def contour_width(image: np.ndarray) -> int:
    """A width that can be seen at the image's size: one pixel per 240 lines, at least one."""
    return max(1, round(image.shape[0] / 240))
