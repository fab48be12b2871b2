"""Frames of a movie file, in order, by OpenCV."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from vostool.core.errors import DataError

MOVIE_SUFFIXES = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg"})
"""Suffixes, in lower case, of the files that are taken for movies."""

FASTEST = 240.0
"""Frames per second that a movie has at most; more is a damaged header."""


class MovieReader:
    """Reads frames by position; going forward is cheap, going back starts again at the beginning.

    Not safe to share between threads.

    Raises:
        DataError: the file is missing or cannot be opened as a movie.
    """

    def __init__(self, path: Path):
        self._path = Path(path)
        self._capture = _open(self._path)
        self._next = 0

    def __enter__(self) -> MovieReader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the file."""
        self._capture.release()

    def read(self, index: int) -> np.ndarray:
        """Frame `index` (from 0) as uint8 `[H, W, 3]` RGB.

        Raises:
            DataError: the movie ends before that frame or is damaged there.
        """
        if index < self._next:
            self._capture.release()
            self._capture, self._next = _open(self._path), 0
        while self._next < index and self._capture.grab():
            self._next += 1
        found, image = self._capture.read() if self._next == index else (False, None)
        if not found or image is None:
            raise DataError(
                f"frame {index} cannot be read",
                where=self._path,
                remedy="the movie is damaged or shorter than it says: convert it again",
            )
        self._next += 1
        return np.ascontiguousarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def _open(path: Path) -> cv2.VideoCapture:
    if not path.is_file():
        raise DataError("the movie file is missing", where=path, remedy="check the path")
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise DataError(
            "the file cannot be opened as a movie",
            where=path,
            remedy="convert it to MP4 (H.264), or to a folder of frames",
        )
    return capture


def count_frames(path: Path) -> int:
    """Number of frames that can be decoded; the number in the header is not to be trusted."""
    with MovieReader(path) as movie:
        count = 0
        while movie._capture.grab():
            count += 1
    return count


def movie_size(path: Path) -> tuple[int, int]:
    """Height and width of the first frame."""
    with MovieReader(path) as movie:
        height, width = movie.read(0).shape[:2]
    return height, width


def frame_rate(path: Path) -> float | None:
    """Frames per second that the file says it has; None where it says nothing of use."""
    with MovieReader(path) as movie:
        rate = movie._capture.get(cv2.CAP_PROP_FPS)
    return rate if FASTEST >= rate > 0 else None
