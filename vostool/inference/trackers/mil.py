"""`mil`: OpenCV's TrackerMIL (online multiple instance learning). No model file; slow; no score.

Its boxes differ by a pixel or so from run to run: OpenCV seeds a part of its samples by the clock.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2

from vostool.inference.opencv_tracker import OpenCVTracker, require
from vostool.inference.tracker import TrackerFactory

FILES: tuple[str, ...] = ()
DOWNLOAD = None
SEED = 0
"""Of those samples that it draws from OpenCV's random numbers."""


def open_tracker(files: tuple[Path, ...]) -> TrackerFactory:
    """Raise UsageError where this build of OpenCV has no such tracker."""
    require("TrackerMIL")

    def make() -> Any:
        cv2.setRNGSeed(SEED)
        return cv2.TrackerMIL_create()  # type: ignore[attr-defined]

    return lambda: OpenCVTracker(make, scored=False)
