"""`nano`: OpenCV's TrackerNano (NanoTrack v2, a small Siamese tracker).

Its score stays near 0.9 whatever happens; that the object is lost must be found in other ways.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2

from vostool.inference.opencv_tracker import OpenCVTracker, require, try_model
from vostool.inference.tracker import TrackerFactory

FILES = ("nanotrack_backbone_sim.onnx", "nanotrack_head_sim.onnx")
DOWNLOAD = "nanotrack"


def open_tracker(files: tuple[Path, ...]) -> TrackerFactory:
    """Try both files, backbone first; raise DataError if they are not these networks."""
    require("TrackerNano")

    def make() -> Any:
        parameters = cv2.TrackerNano_Params()  # type: ignore[attr-defined]
        parameters.backbone, parameters.neckhead = str(files[0]), str(files[1])
        return cv2.TrackerNano_create(parameters)  # type: ignore[attr-defined]

    try_model(make, "NanoTrack's backbone and head", files, DOWNLOAD)
    return lambda: OpenCVTracker(make)
