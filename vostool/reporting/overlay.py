"""Masks drawn over frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from vostool.core.errors import UsageError
from vostool.core.files import atomic_path
from vostool.media.masks import DAVIS_PALETTE

ALPHA = 0.45
"""Share of an object's colour inside its mask."""

JPEG_QUALITY = 92


@dataclass(frozen=True)
class OverlayStyle:
    """How masks are drawn.

    Attributes:
        alpha: share of an object's colour inside its mask, 0 to 1.
        contour: width of the contours in pixels; None goes by the frame's size, 0 for none.
        frames_per_second: of a movie.
    """

    alpha: float = ALPHA
    contour: int | None = None
    frames_per_second: float = 10.0

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise UsageError(f"--alpha {self.alpha} makes no sense", remedy="choose 0 to 1")
        if self.contour is not None and not 0 <= self.contour <= 50:
            raise UsageError(f"--contour {self.contour} makes no sense", remedy="choose 0 to 50")
        if not 0 < self.frames_per_second <= 240:
            raise UsageError(
                f"--fps {self.frames_per_second} makes no sense", remedy="choose a rate up to 240"
            )

    def draw(self, image: np.ndarray, ids: np.ndarray) -> np.ndarray:
        """The overlay, uint8 RGB `[H, W, 3]`."""
        contour = contour_width(image) if self.contour is None else self.contour
        return draw_overlay(image, ids, self.alpha, contour)


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


def encode_jpeg(image: np.ndarray, quality: int = JPEG_QUALITY) -> bytes:
    """A uint8 RGB image as a JPEG file."""
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality]
    return cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), flags)[1].tobytes()


def write_jpeg(target: Path, image: np.ndarray) -> None:
    """Write a uint8 RGB image atomically."""
    write_bytes(target, encode_jpeg(image))


def write_bytes(target: Path, data: bytes) -> None:
    """Write a picture atomically."""
    with atomic_path(target, durable=False) as temporary:
        temporary.write_bytes(data)
