"""`vit`: OpenCV's TrackerVit, a small transformer tracker (the paper uses a larger one)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2

from vostool.inference.opencv_tracker import OpenCVTracker, require, try_model
from vostool.inference.tracker import TrackerFactory

FILES = ("object_tracking_vittrack_2023sep.onnx",)
DOWNLOAD = "vittrack"


def open_tracker(files: tuple[Path, ...]) -> TrackerFactory:
    """Try the file; raise DataError if it is not this network."""
    require("TrackerVit")

    def make() -> Any:
        parameters = cv2.TrackerVit_Params()  # type: ignore[attr-defined]
        parameters.net = str(files[0])
        return cv2.TrackerVit_create(parameters)  # type: ignore[attr-defined]

    try_model(make, "VitTrack", files, DOWNLOAD)
    return lambda: OpenCVTracker(make)
