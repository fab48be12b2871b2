"""What crop-then-zoom asks of a tracker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from vostool.inference.boxes import Box


class Tracker(Protocol):
    """Follows the box of one object through the frames after the one it is given in."""

    def start(self, frame: np.ndarray, box: Box) -> None:
        """Learn the object.

        Args:
            frame: uint8 `[H, W, 3]` RGB.
            box: of the object, in pixels.
        """

    def step(self, frame: np.ndarray, mask: np.ndarray | None = None) -> tuple[Box, float]:
        """Find the object in the next frame.

        Args:
            frame: uint8 `[H, W, 3]` RGB.
            mask: bool `[H, W]`, what a preliminary segmentation says; only mask-guided trackers
                look at it.

        Returns:
            The box, and how sure the tracker is, in [0, 1]; 0 where it lost the object.
        """


TrackerFactory = Callable[[], Tracker]
