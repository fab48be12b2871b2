"""Running through the frames of a video while the next ones are decoded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from vostool.core.threads import ordered_map
from vostool.core.types import Frame, Video
from vostool.media.images import read_frame
from vostool.media.movie import MovieReader


class FrameReader:
    """Iterates over `(frame, image)` in time order; image is uint8 `[H, W, 3]` RGB.

    A background thread decodes up to `ahead` frames in advance, so that memory stays bounded. An
    error of reading is raised when the iteration comes to the frame that it concerns. Leaving the
    loop early stops the thread. Iterating again starts again.

    Args:
        video: the video, of image files or of one movie file.
        ahead: frames to decode in advance, at least 1.
    """

    def __init__(self, video: Video, ahead: int = 4):
        if ahead < 1:
            raise ValueError(f"ahead must be at least 1, got {ahead}")
        self._frames, self._ahead = video.frames, ahead

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[tuple[Frame, np.ndarray]]:
        # One thread: a movie has one position. Decoding a file of 480p takes milliseconds.
        with closing(_Source()) as source:
            yield from ordered_map(
                lambda frame: (frame, source.read(frame)),
                self._frames,
                threads=1,
                ahead=self._ahead,
                name="frame-reader",
            )


class _Source:
    """Reads frames, keeping a movie file open between them."""

    def __init__(self) -> None:
        self._movies: dict[Path, MovieReader] = {}

    def read(self, frame: Frame) -> np.ndarray:
        if frame.movie_index is None:
            return read_frame(frame)
        if frame.image not in self._movies:
            self._movies[frame.image] = MovieReader(frame.image)
        return self._movies[frame.image].read(frame.movie_index)

    def close(self) -> None:
        for movie in self._movies.values():
            movie.close()
