"""Movies of overlays."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from vostool.core.errors import OutputError, UsageError
from vostool.core.files import atomic_path

CODECS = {".mp4": "mp4v", ".avi": "MJPG"}
"""Codec per suffix; both are part of every OpenCV build from PyPI."""


def write_movie(target: Path, images: Iterable[np.ndarray], frames_per_second: float) -> int:
    """Write RGB images uint8 `[H, W, 3]` as a movie, atomically, and return their number.

    The size is the first image's, made even; images of other sizes are fitted into it.

    Raises:
        UsageError: unknown suffix.
        OutputError: no image, or the movie cannot be written or read back.
    """
    codec = require_codec(target)
    written, writer, size = 0, None, (0, 0)
    with atomic_path(target, durable=False) as temporary:
        for image in images:
            if writer is None:
                size = (image.shape[1] // 2 * 2, image.shape[0] // 2 * 2)
                fourcc = cv2.VideoWriter.fourcc(*codec)
                writer = cv2.VideoWriter(str(temporary), fourcc, frames_per_second, size)
                if not writer.isOpened():
                    raise OutputError("this movie cannot be written", where=target)
            writer.write(cv2.cvtColor(_fit(image, size), cv2.COLOR_RGB2BGR))
            written += 1
        if writer is None:
            raise OutputError("there is no frame for this movie", where=target)
        writer.release()
        _require_whole(temporary, target, written)
    return written


def require_codec(target: Path) -> str:
    """The codec for a file's suffix. Raises UsageError for a suffix that is not known."""
    codec = CODECS.get(target.suffix.lower())
    if codec is None:
        raise UsageError(
            "unknown kind of movie", where=target, remedy=f"use one of {', '.join(CODECS)}"
        )
    return codec


def _require_whole(movie: Path, target: Path, frames: int) -> None:
    """OpenCV says nothing where a disk is full: read back how many frames there are, and the last.

    Raises:
        OutputError: fewer than were written.
    """
    capture = cv2.VideoCapture(str(movie))
    try:
        there = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
        capture.set(cv2.CAP_PROP_POS_FRAMES, frames - 1)
        if there < frames or not capture.grab():
            raise OutputError(
                f"the movie is not whole: of {frames} frames {min(there, frames - 1)} are there",
                where=target,
                remedy="free some space on the disk, and write it again",
            )
    finally:
        capture.release()


def _fit(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Cut to `size` (width, height) if it is at most a pixel more, else resize with a border."""
    height, width = image.shape[:2]
    if 0 <= width - size[0] <= 1 and 0 <= height - size[1] <= 1:
        return np.ascontiguousarray(image[: size[1], : size[0]])
    scale = min(size[0] / width, size[1] / height)
    small = cv2.resize(image, (max(1, int(width * scale)), max(1, int(height * scale))))
    canvas = np.zeros((size[1], size[0], 3), np.uint8)
    top, left = (size[1] - small.shape[0]) // 2, (size[0] - small.shape[1]) // 2
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    return canvas
