"""Boxes around objects, in pixels of the frame."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np


class Box(NamedTuple):
    """An upright box; pixel (0, 0) covers [0, 1) x [0, 1)."""

    x: float
    y: float
    width: float
    height: float

    @property
    def centre(self) -> tuple[float, float]:
        """Its x and y."""
        return self.x + self.width / 2, self.y + self.height / 2

    @property
    def area(self) -> float:
        """Square pixels."""
        return self.width * self.height

    def clipped(self, size: tuple[int, int]) -> Box | None:
        """The part inside a frame of that height and width; None where there is none."""
        left, top = max(self.x, 0.0), max(self.y, 0.0)
        right, bottom = min(self.x + self.width, size[1]), min(self.y + self.height, size[0])
        if right <= left or bottom <= top:
            return None
        return Box(left, top, right - left, bottom - top)

    def contains(self, other: Box) -> bool:
        """Whether all of another box is inside."""
        return (
            self.x <= other.x
            and self.y <= other.y
            and other.x + other.width <= self.x + self.width
            and other.y + other.height <= self.y + self.height
        )


def box_iou(one: Box, other: Box) -> float:
    """Intersection over union, 0 for boxes without area."""
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    common = max(width, 0.0) * max(height, 0.0)
    union = one.area + other.area - common
    return common / union if union > 0 else 0.0


def mask_box(mask: np.ndarray) -> Box | None:
    """The tight box of a bool or uint8 mask `[H, W]`; None for an empty one."""
    x, y, width, height = cv2.boundingRect(np.ascontiguousarray(mask, np.uint8))
    return Box(x, y, width, height) if width and height else None


def without_specks(mask: np.ndarray, share: float) -> np.ndarray:
    """Drop connected components (8 neighbours) smaller than `share` of the largest.

    Args:
        mask: bool `[H, W]`.

    Returns:
        bool `[H, W]`; the very mask if nothing is dropped.
    """
    box = mask_box(mask)
    if box is None:
        return mask
    x, y, width, height = (int(value) for value in box)
    inside = np.ascontiguousarray(mask[y : y + height, x : x + width], np.uint8)
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
    areas = statistics[1:, cv2.CC_STAT_AREA]
    if count <= 2 or areas.min() >= share * areas.max():
        return mask
    kept = np.concatenate([[False], areas >= share * areas.max()])
    result = np.zeros(mask.shape, bool)
    result[y : y + height, x : x + width] = kept[labels]
    return result
