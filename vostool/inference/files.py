"""A video on disk as the engine wants it."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Collection, Iterator

import numpy as np

from vostool.core.types import Frame, ObjectIds, Video
from vostool.datasets.catalogue import given_mask, void_warning
from vostool.inference.source import SourceFrame
from vostool.media.reader import FrameReader

log = logging.getLogger(__name__)


class VideoSource:
    """Frames decoded ahead, with the masks that are given, up to the last wanted frame.

    Args:
        video: the video.
        wanted: names of the frames whose results are wanted; default its output frames.
    """

    def __init__(self, video: Video, wanted: Collection[str] | None = None):
        self._video = video
        self._wanted = frozenset(video.output_frames if wanted is None else wanted)
        self._warned: set[str] = set()
        self._length = 1 + max((video.index(name) for name in self._wanted), default=-1)

    @property
    def name(self) -> str:
        """Name of the video."""
        return self._video.name

    @property
    def ids(self) -> ObjectIds:
        """Ids of all objects, also of those that appear after the last wanted frame."""
        return self._video.ids

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[SourceFrame]:
        frames = self._video.frames[: self._length]
        beginning = dataclasses.replace(self._video, frames=frames, objects=())
        for frame, image in FrameReader(beginning):
            starts = bool(self._video.new_objects(frame.name))
            given = self._given(frame) if starts else None
            yield SourceFrame(frame.name, image, given, frame.name in self._wanted)

    def _given(self, frame: Frame) -> np.ndarray:
        """The mask that is given, with a warning the first time if it holds void."""
        if frame.name not in self._warned:
            self._warned.add(frame.name)
            void = void_warning(self._video, frame)
            if void is not None:
                log.warning(void)
        return given_mask(self._video, frame)
