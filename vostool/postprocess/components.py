"""8-connected components of one object's mask."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Components:
    """Components of a mask, numbered 1..N in raster order of their first pixel.

    Attributes:
        labels: int32 `[H, W]`, 0 outside the mask.
        areas: pixels per component, `[N]`.
        centroids: (x, y) per component, float64 `[N, 2]`.
        diagonals: length of the bounding box's diagonal in pixels, float64 `[N]`.
    """

    labels: np.ndarray
    areas: np.ndarray
    centroids: np.ndarray
    diagonals: np.ndarray

    def __len__(self) -> int:
        return len(self.areas)

    @classmethod
    def of(cls, mask: np.ndarray) -> Components:
        """Components of a bool `[H, W]` mask."""
        # The same numbers as by OpenCV's default algorithm, in half the time.
        _, labels, stats, centroids = cv2.connectedComponentsWithStatsWithAlgorithm(
            mask.astype(np.uint8), 8, cv2.CV_32S, cv2.CCL_BBDT
        )
        width, height = stats[1:, cv2.CC_STAT_WIDTH], stats[1:, cv2.CC_STAT_HEIGHT]
        return cls(
            labels, stats[1:, cv2.CC_STAT_AREA], centroids[1:], np.hypot(width, height, dtype=float)
        )

    def select(self, chosen: np.ndarray) -> np.ndarray:
        """Union of the components for which `chosen` (bool `[N]`) is true, bool `[H, W]`."""
        return np.concatenate(([False], chosen))[self.labels]

    def means(self, plane: np.ndarray | None) -> np.ndarray:
        """Mean of a `[H, W]` plane over each component, float64 `[N]`; ones without a plane."""
        if plane is None:
            return np.ones(len(self))
        sums = np.bincount(self.labels.ravel(), plane.ravel(), minlength=len(self) + 1)[1:]
        return sums / self.areas
