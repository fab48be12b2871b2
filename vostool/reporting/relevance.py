"""Pictures of what a network goes by: heat maps over memory frames, and aligned places."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from vostool.core.files import atomic_path
from vostool.media.masks import DAVIS_PALETTE
from vostool.reporting.overlay import contour_of, contour_width

HEAT_SHARE = 0.6
"""Of the heat map's colour where it is hottest; where it is cold the frame stays as it is."""
STRIP = 22
"""Height of a caption in pixels."""
COLUMNS = 4
GAP = 4


def draw_heat(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """A frame uint8 RGB `[H, W, 3]` with heat float `[H, W]` in [0, 1] over it."""
    levels = np.rint(np.clip(heat, 0, 1) * 255).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_JET), cv2.COLOR_BGR2RGB)
    share = (HEAT_SHARE * np.sqrt(np.clip(heat, 0, 1)))[..., None]
    return np.rint(image * (1 - share) + colours * share).astype(np.uint8)


def draw_contour(image: np.ndarray, mask: np.ndarray, colour: tuple[int, ...]) -> np.ndarray:
    """A frame with the contour of a bool mask `[H, W]`."""
    drawn = image.copy()
    drawn[contour_of(mask.astype(np.uint8), contour_width(image))] = colour
    return drawn


def draw_points(image: np.ndarray, box: Sequence[float], points: np.ndarray) -> np.ndarray:
    """A frame with a box and numbered points in it, each with a colour of its own.

    Args:
        box: x0, y0, x1, y1 in pixels.
        points: `[K, 2]`, x and y as fractions of the box.
    """
    drawn, width = image.copy(), contour_width(image)
    x0, y0, x1, y1 = box
    corners = (round(x0), round(y0)), (round(x1) - 1, round(y1) - 1)
    cv2.rectangle(drawn, *corners, (255, 255, 255), width)
    for number, (x, y) in enumerate(points, start=1):
        place = round(x0 + x * (x1 - x0)), round(y0 + y * (y1 - y0))
        colour = tuple(map(int, DAVIS_PALETTE[number]))
        cv2.circle(drawn, place, 4 * width, colour, -1)
        cv2.circle(drawn, place, 4 * width, (255, 255, 255), 1)
        beside = (place[0] + 5 * width, place[1] + 4)
        cv2.putText(drawn, str(number), beside, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1)
    return drawn


def side_by_side(pictures: Sequence[tuple[str, np.ndarray]]) -> np.ndarray:
    """Pictures of one size with their captions above, row by row."""
    cells = [_captioned(caption, picture) for caption, picture in pictures]
    height, width = cells[0].shape[:2]
    columns = min(COLUMNS, len(cells))
    rows = -(-len(cells) // columns)
    size = (rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3)
    sheet = np.full(size, 255, np.uint8)
    for number, cell in enumerate(cells):
        top, left = (height + GAP) * (number // columns), (width + GAP) * (number % columns)
        sheet[top : top + height, left : left + width] = cell
    return sheet


def _captioned(caption: str, picture: np.ndarray) -> np.ndarray:
    strip = np.full((STRIP, picture.shape[1], 3), 255, np.uint8)
    cv2.putText(strip, caption, (4, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([strip, picture])


def write_png(target: Path, image: np.ndarray) -> None:
    """Write a uint8 RGB image atomically."""
    with atomic_path(target, durable=False) as temporary:
        encoded = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
        temporary.write_bytes(encoded.tobytes())
