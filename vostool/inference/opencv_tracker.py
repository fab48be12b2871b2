"""What the trackers of OpenCV share: colours, whole-pixel boxes, and errors that mean 'lost'."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vostool.core.errors import DataError, UsageError
from vostool.media.boxes import Box

TRIAL_SIZE = 96
"""Pixels of the square picture on which a model is tried before a run."""


class OpenCVTracker:
    """Keeps the `Tracker` protocol for an object of cv2.

    Args:
        make: makes the cv2 tracker.
        scored: whether its tracking score means anything; without it, 1 where it found the object.
    """

    def __init__(self, make: Callable[[], Any], *, scored: bool = True):
        self._make, self._scored = make, scored
        self._tracker: Any = None
        self._box = Box(0, 0, 1, 1)

    def start(self, frame: np.ndarray, box: Box) -> None:
        """See `Tracker.start`. A box that cv2 cannot take leaves the object lost from the start."""
        self._box = box
        with quiet():
            self._tracker = self._make()
            try:
                self._tracker.init(_bgr(frame), _whole(box, frame))
            except cv2.error:
                self._tracker = None

    def step(self, frame: np.ndarray, mask: np.ndarray | None = None) -> tuple[Box, float]:
        """See `Tracker.step`. The last box and 0 where the object is lost."""
        if self._tracker is None:
            return self._box, 0.0
        try:
            with quiet():
                found, box = self._tracker.update(_bgr(frame))
        except cv2.error:
            return self._box, 0.0
        if not found or box[2] < 1 or box[3] < 1:
            return self._box, 0.0
        self._box = Box(*(float(value) for value in box))
        score = float(self._tracker.getTrackingScore()) if self._scored else 1.0
        return self._box, min(max(score, 0.0), 1.0)


def require(name: str) -> None:
    """Raise UsageError where this build of OpenCV has no such tracker."""
    if not hasattr(cv2, f"{name}_create"):
        raise UsageError(
            f"OpenCV {cv2.__version__} was built without {name}",
            remedy="the tracker mask-box needs neither OpenCV's trackers nor a model file",
        )


def try_model(make: Callable[[], Any], title: str, files: Sequence[Path], download: str) -> None:
    """Run a model on a small picture, so that a wrong file is found before the run.

    Raises:
        DataError: cv2 cannot read the files, or they are another network.
    """
    frame = np.random.default_rng(0).integers(0, 256, (TRIAL_SIZE, TRIAL_SIZE, 3), dtype=np.uint8)
    try:
        with quiet():
            tracker = make()
            tracker.init(frame, (32, 32, 32, 32))
            tracker.update(frame)
    except cv2.error as error:
        reason = str(getattr(error, "err", "") or error).strip().splitlines()[0]
        raise DataError(
            f"the tracker's model cannot be used as {title}: {reason}",
            where=", ".join(str(path) for path in files),
            remedy=f"check which file is which, or fetch them with vostool download {download}",
        ) from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep OpenCV from writing to standard error what comes as an exception anyway."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


def _bgr(frame: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(frame[..., ::-1])


def _whole(box: Box, frame: np.ndarray) -> tuple[int, int, int, int]:
    """Whole pixels inside the frame, at least one each way."""
    height, width = frame.shape[:2]
    x, y = (min(max(round(v), 0), end - 1) for v, end in ((box.x, width), (box.y, height)))
    right = min(max(round(box.x + box.width), x + 1), width)
    bottom = min(max(round(box.y + box.height), y + 1), height)
    return x, y, right - x, bottom - y
