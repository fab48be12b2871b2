"""Geometry of augmentation: one combined resampling from source to output per frame.

Points are `(x, y)` with integer coordinates at pixel centres. Matrices are float64 `[3, 3]` and
map source points to output points.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from scipy.interpolate import RBFInterpolator

PADDING_COLOUR = (124, 116, 104)
"""RGB outside the source: the ImageNet mean, so that it is near zero after normalisation."""
SHRINK_FIRST = 0.75
"""Below this scale the image is first averaged down, because bilinear sampling would alias."""
TPS_GRID = 4
TPS_COARSE = 24


@dataclass(frozen=True)
class Warp:
    """Where each output pixel comes from: `source = inverse(matrix) (output + displacement)`.

    Attributes:
        matrix: `[3, 3]`, source to output.
        size: output (H, W).
        displacement: float32 `[H, W, 2]` in output pixels (x, y), or None.
    """

    matrix: np.ndarray
    size: tuple[int, int]
    displacement: np.ndarray | None = None

    @property
    def scale(self) -> float:
        """Output pixels per source pixel along a side, without bends and perspective."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:2, :2]))))

    def resized(self, source: tuple[int, ...], actual: tuple[int, ...]) -> Warp:
        """The same warp for a source (H, W) that is given at another resolution."""
        if source == actual:
            return self
        back = resizing((actual[0], actual[1]), (source[0], source[1]))
        return Warp(self.matrix @ back, self.size, self.displacement)

    def image(self, image: np.ndarray, fill: tuple[int, ...] = PADDING_COLOUR) -> np.ndarray:
        """Resample uint8 `[H', W', 3]` bilinearly, antialiased when it shrinks."""
        image, resized = shrink(image, self.scale)
        return self._sample(image, self.matrix @ np.linalg.inv(resized), cv2.INTER_LINEAR, fill)

    def labels(self, labels: np.ndarray) -> np.ndarray:
        """Resample uint8 labels `[H', W']` to nearest neighbours; 0 outside."""
        return self._sample(labels, self.matrix, cv2.INTER_NEAREST, (0,))

    def _sample(
        self, source: np.ndarray, matrix: np.ndarray, interpolation: int, fill: tuple[int, ...]
    ) -> np.ndarray:
        height, width = self.size
        border = cv2.BORDER_CONSTANT
        if self.displacement is not None:
            x, y = self._source_points(matrix)
            return cv2.remap(source, x, y, interpolation, borderMode=border, borderValue=fill)
        if np.allclose(matrix[2], (0, 0, 1), atol=1e-12):
            return cv2.warpAffine(
                source,
                matrix[:2],
                (width, height),
                flags=interpolation,
                borderMode=border,
                borderValue=fill,
            )
        return cv2.warpPerspective(
            source,
            matrix,
            (width, height),
            flags=interpolation,
            borderMode=border,
            borderValue=fill,
        )

    def _source_points(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        assert self.displacement is not None
        height, width = self.size
        grid_x = np.arange(width, dtype=np.float32)[None] + self.displacement[..., 0]
        grid_y = np.arange(height, dtype=np.float32)[:, None] + self.displacement[..., 1]
        inverse = np.linalg.inv(matrix).astype(np.float32)
        x, y, z = (row[0] * grid_x + row[1] * grid_y + row[2] for row in inverse)
        if np.allclose(inverse[2], (0, 0, 1), atol=1e-9):
            return x, y
        return x / z, y / z


def shrink(image: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Average an image down to `scale` if that is far below 1; also the matrix that did it."""
    if scale >= SHRINK_FIRST:
        return image, np.eye(3)
    height, width = image.shape[:2]
    small = max(1, round(height * scale)), max(1, round(width * scale))
    resized = cv2.resize(image, small[::-1], interpolation=cv2.INTER_AREA)
    return resized, resizing((height, width), small)


def resizing(source: tuple[int, int], target: tuple[int, int]) -> np.ndarray:
    """Matrix of a resize of (H, W) that keeps the image borders aligned."""
    sy, sx = target[0] / source[0], target[1] / source[1]
    return np.array([[sx, 0, sx / 2 - 0.5], [0, sy, sy / 2 - 0.5], [0, 0, 1]])


def flipping(width: int) -> np.ndarray:
    """Matrix that mirrors left and right."""
    return np.array([[-1.0, 0, width - 1], [0, 1, 0], [0, 0, 1]])


def shifting(x: float, y: float) -> np.ndarray:
    """Matrix that moves by x, y pixels."""
    return np.array([[1.0, 0, x], [0, 1, y], [0, 0, 1]])


def affine(rotation: float, scale: float, shear: float) -> np.ndarray:
    """Matrix about the origin: shear along x, then scale, then rotation (degrees)."""
    angle = np.deg2rad(rotation)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0]])
    sheared = np.array([[1.0, np.tan(np.deg2rad(shear)), 0], [0, 1, 0], [0, 0, 1]])
    return np.vstack([scale * turn, (0, 0, 1)]) @ sheared


def about(matrix: np.ndarray, x: float, y: float) -> np.ndarray:
    """The same matrix with (x, y) as its fixed origin."""
    return shifting(x, y) @ matrix @ shifting(-x, -y)


def corner_jitter(offsets: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Homography that moves the four corners of (H, W) by `[4, 2]` fractions of the sides."""
    height, width = size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = corners + offsets * (width, height)
    return cv2.getPerspectiveTransform(corners, moved.astype(np.float32)).astype(np.float64)


def thin_plate_displacement(shifts: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Smooth displacement through `shifts` at a regular grid of control points.

    Args:
        shifts: `[TPS_GRID**2, 2]` (x, y) as fractions of the sides.
        size: output (H, W).

    Returns:
        float32 `[H, W, 2]` pixels. The spline is evaluated on a coarse grid and interpolated.
    """
    height, width = size
    coarse = (_thin_plate_weights() @ (shifts * (width, height))).astype(np.float32)
    grid = coarse.reshape(TPS_COARSE, TPS_COARSE, 2)
    return cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)


@lru_cache(maxsize=1)
def _thin_plate_weights() -> np.ndarray:
    """Linear map `[TPS_COARSE**2, TPS_GRID**2]` from control to coarse displacements, on [0, 1]^2.

    The spline (Bookstein, 1989) is linear in the values that it goes through, so that those of each
    unit vector make the map, once for all frames.
    """
    control = _unit_grid(np.linspace(0, 1, TPS_GRID))
    # Resizing aligns the borders of the pixels, so the coarse samples sit at cell centres.
    query = _unit_grid((np.arange(TPS_COARSE) + 0.5) / TPS_COARSE)
    spline = RBFInterpolator(control, np.eye(len(control)), kernel="thin_plate_spline", degree=1)
    return spline(query)


def _unit_grid(steps: np.ndarray) -> np.ndarray:
    x, y = np.meshgrid(steps, steps)
    return np.stack([x.ravel(), y.ravel()], axis=1)
