"""The beginning of a video with all its objects in the first frame, to measure what they need."""

from __future__ import annotations

import dataclasses
from itertools import cycle, islice

import numpy as np

from vostool.core.types import Video
from vostool.datasets.catalogue import given_mask
from vostool.inference.source import ArraySource
from vostool.media.reader import FrameReader

MARK = 8
"""Pixels per side of what stands for an object that all others hide."""


def crowded(video: Video, count: int) -> ArraySource:
    """So many frames from the first one with an object on; a shorter video begins again.

    Raises:
        DataError: a frame or a mask cannot be read.
    """
    first = min(video.index(item.first_frame) for item in video.objects)
    beginning = video.frames[first : first + count]
    only = dataclasses.replace(video, frames=beginning, objects=(), output_frames=())
    images = [image for _, image in FrameReader(only)]
    height, width = images[0].shape[:2]
    # Views of all frames have one size, whatever that of the frames.
    same = [image for image in images if image.shape == images[0].shape]
    mask = np.zeros((height, width), np.uint8)
    starts = {item.first_frame for item in video.objects}
    for frame in video.frames[first:]:
        if frame.name in starts:
            _add(mask, given_mask(video, frame))
    for number, item in enumerate(video.objects):
        if not (mask == item.id).any():
            left = number * MARK % max(1, width - MARK)
            mask[:MARK, left : left + MARK] = item.id
    return ArraySource(video.name, list(islice(cycle(same), count)), {0: mask})


def _add(mask: np.ndarray, later: np.ndarray) -> None:
    """Put later objects where none is yet."""
    if later.shape == mask.shape:
        np.copyto(mask, later, where=mask == 0)
