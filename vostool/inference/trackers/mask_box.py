"""`mask-box`: the box of the preliminary mask, steadied by a Kalman filter. No model file.

The centre moves at constant velocity, width and height drift. A box that leaps further than the
filter believes possible is not followed at once; while nothing is followed, belief widens until the
object is taken up again wherever the mask shows it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vostool.inference.tracker import TrackerFactory
from vostool.media.boxes import Box, box_iou, mask_box, without_specks

FILES: tuple[str, ...] = ()
DOWNLOAD = None

SPECK_SHARE = 0.05
"""Components below this share of the largest are not part of the box."""
GATE = 9.21
"""Squared Mahalanobis distance of the centre that 99% of true measurements stay below (chi-square,
2 degrees). Sides are not gated: after a gap an object may well have grown."""
ACCELERATION = 0.1
"""Standard deviation of the velocity's change per frame, in box sides."""
SHAPE_DRIFT = 0.1
"""Standard deviation of width and height per frame, in box sides."""
MEASUREMENT = 0.05
"""Standard deviation of a mask's box, in box sides."""

_CENTRE, _SIDES, _VELOCITY = slice(0, 2), slice(2, 4), slice(4, 6)


class MaskBoxTracker:
    """State: centre x, y; width, height; velocity x, y; in pixels (per frame)."""

    def __init__(self) -> None:
        self._state = np.zeros(6)
        self._covariance = np.eye(6)

    def start(self, frame: np.ndarray, box: Box) -> None:
        """See `Tracker.start`; the frame is not looked at."""
        self._state = np.array([*box.centre, box.width, box.height, 0.0, 0.0])
        side = self._side
        deviations = np.array([MEASUREMENT] * 4 + [0.5] * 2) * side
        self._covariance = np.diag(deviations**2)

    def step(self, frame: np.ndarray, mask: np.ndarray | None = None) -> tuple[Box, float]:
        """See `Tracker.step`; the score is the IoU of the box with the mask's box."""
        self._predict()
        seen = None if mask is None else mask_box(without_specks(mask, SPECK_SHARE))
        if seen is None:
            return self._box, 0.0
        self._correct(seen)
        return self._box, box_iou(self._box, seen)

    @property
    def _side(self) -> float:
        """Scale of all deviations: the mean side of the box."""
        return max(float(self._state[_SIDES].mean()), 1.0)

    @property
    def _box(self) -> Box:
        (x, y), (width, height) = self._state[_CENTRE], np.maximum(self._state[_SIDES], 1.0)
        return Box(float(x - width / 2), float(y - height / 2), float(width), float(height))

    def _predict(self) -> None:
        transition = np.eye(6)
        transition[_CENTRE, _VELOCITY] = np.eye(2)
        noise = np.zeros((6, 6))
        acceleration, drift = (ACCELERATION * self._side) ** 2, (SHAPE_DRIFT * self._side) ** 2
        for k in range(2):
            noise[k, k] = acceleration / 4
            noise[k, k + 4] = noise[k + 4, k] = acceleration / 2
            noise[k + 4, k + 4] = acceleration
            noise[k + 2, k + 2] = drift
        self._state = transition @ self._state
        self._covariance = transition @ self._covariance @ transition.T + noise

    def _correct(self, seen: Box) -> None:
        measured = np.array([*seen.centre, seen.width, seen.height])
        innovation = measured - self._state[:4]
        spread = self._covariance[:4, :4] + (MEASUREMENT * self._side) ** 2 * np.eye(4)
        leap = innovation[_CENTRE]
        if leap @ np.linalg.solve(spread[_CENTRE, _CENTRE], leap) > GATE:
            return
        gain = np.linalg.solve(spread, self._covariance[:4]).T
        self._state = self._state + gain @ innovation
        self._covariance = self._covariance - gain @ self._covariance[:4]


def open_tracker(files: tuple[Path, ...]) -> TrackerFactory:
    """Nothing to get ready."""
    return MaskBoxTracker
