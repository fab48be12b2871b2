"""Frames of a video as pictures for a browser, in any order."""

from __future__ import annotations

import threading
from collections import OrderedDict

import cv2
import numpy as np

from vostool.core.types import Frame
from vostool.datasets.own_video import Footage
from vostool.media.images import read_frame
from vostool.media.movie import MovieReader

JPEG_QUALITY = 95
KEPT = 64
"""Encoded frames that are kept: going back in a movie means decoding it from its beginning."""


class FramePictures:
    """JPEG files of frames by position, for several threads.

    Args:
        footage: the video.
    """

    def __init__(self, footage: Footage):
        self.footage = footage
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._sizes: dict[int, tuple[int, int]] = {}
        self._movie: MovieReader | None = None

    def close(self) -> None:
        """Release the movie file."""
        with self._lock:
            if self._movie is not None:
                self._movie.close()
            self._movie = None

    def jpeg(self, index: int) -> bytes:
        """The frame as a JPEG file.

        Raises:
            IndexError: there is no such frame.
            DataError: it cannot be read.
        """
        with self._lock:
            self._load(index)
            return self._kept[index]

    def size(self, index: int) -> tuple[int, int]:
        """Height and width of a frame. Raises as `jpeg`."""
        with self._lock:
            if index not in self._sizes:
                self._load(index)
            return self._sizes[index]

    def _load(self, index: int) -> None:
        if not 0 <= index < len(self.footage.frames):
            raise IndexError(index)
        if index not in self._kept:
            image = self._read(self.footage.frames[index])
            self._sizes[index] = image.shape[0], image.shape[1]
            self._kept[index] = _encode(image)
        self._kept.move_to_end(index)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def _read(self, frame: Frame) -> np.ndarray:
        if frame.movie_index is None:
            return read_frame(frame)
        if self._movie is None:
            self._movie = MovieReader(frame.image)
        return self._movie.read(frame.movie_index)


def _encode(image: np.ndarray) -> bytes:
    """uint8 RGB `[H, W, 3]` as a JPEG file."""
    flags = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    return cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), flags)[1].tobytes()
