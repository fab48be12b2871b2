"""What the page of a video shows: its frames as small pictures, the masks over them as runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import cv2
import numpy as np

from vostool.core.threads import ordered_map
from vostool.core.types import Frame, Video
from vostool.datasets.catalogue import annotation
from vostool.media.images import frame_size, read_frame
from vostool.media.reader import FrameReader
from vostool.predictions.mask_fit import read_fitting
from vostool.reporting.entry import Entry
from vostool.reporting.label_runs import runs_of
from vostool.reporting.overlay import encode_jpeg

LONGEST_SIDE = 640
"""Frames are shown at most so many pixels wide or high."""
QUALITY = 80

Item = TypeVar("Item")
Size = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True)
class FrameView:
    """One frame that is shown.

    Attributes:
        position: among the times of its video.
        jpeg: the frame.
        truth: runs of the annotation (see `label_runs`); None where the frame has none.
        predicted: runs per prediction.
    """

    position: int
    jpeg: bytes
    truth: np.ndarray | None
    predicted: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class VideoView:
    """A video as it is shown.

    Attributes:
        video: of the data set.
        times: names of the T frames that all predictions have; curves have a value for each.
        size: of the pictures; a frame of other proportions has a black border.
        frames: those with a picture, in time order.
    """

    video: Video
    times: tuple[str, ...]
    size: Size
    frames: tuple[FrameView, ...]

    def thinned(self, share: float) -> VideoView:
        """With about that share of the frames, evenly chosen, at least two."""
        count = max(2, int(share * len(self.frames)))
        return replace(self, frames=tuple(spread(self.frames, count)))


def view_video(
    entries: Sequence[Entry], video: Video, times: tuple[str, ...], count: int
) -> VideoView:
    """Read and scale at most `count` frames of a video, evenly spread over `times`.

    Raises:
        DataError: a frame or a mask cannot be read, or a mask has another size than its frame.
    """
    size = shown_size(frame_size(video.frames[video.index(times[0])]))
    positions = {times[i]: i for i in spread(range(len(times)), count)}
    frames = [frame for frame in video.frames if frame.name in positions]
    draw = partial(_view_frame, entries, video, size)
    views = ordered_map(lambda pair: draw(positions, *pair), _images(video, frames), name="draw")
    return VideoView(video, times, size, tuple(views))


def shown_size(size: tuple[int, int], longest: int = LONGEST_SIDE) -> Size:
    """Width and height of the picture of a frame of this height and width."""
    scale = min(1.0, longest / max(size))
    return max(1, round(scale * size[1])), max(1, round(scale * size[0]))


def fit(image: np.ndarray, size: Size, interpolation: int) -> np.ndarray:
    """Scale an image or a mask into `size`, with a black border where proportions differ."""
    height, width = image.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    inner = min(size[0], max(1, round(scale * width))), min(size[1], max(1, round(scale * height)))
    scaled = image
    if inner != (width, height):
        scaled = cv2.resize(image, inner, interpolation=interpolation)
    if inner == size:
        return scaled
    canvas = np.zeros((size[1], size[0], *image.shape[2:]), np.uint8)
    top, left = (size[1] - inner[1]) // 2, (size[0] - inner[0]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = scaled
    return canvas


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """At most `count` of them, evenly spread, the first and the last among them."""
    if len(items) <= count:
        return list(items)
    return [items[index] for index in np.linspace(0, len(items) - 1, count).round().astype(int)]


def _images(video: Video, frames: Sequence[Frame]) -> Iterator[tuple[Frame, np.ndarray | None]]:
    """Frames, with their images where they come from a movie, which is read in order."""
    if all(frame.movie_index is None for frame in frames):
        yield from ((frame, None) for frame in frames)
        return
    names = {frame.name for frame in frames}
    yield from ((frame, image) for frame, image in FrameReader(video) if frame.name in names)


def _view_frame(
    entries: Iterable[Entry],
    video: Video,
    size: Size,
    positions: dict[str, int],
    frame: Frame,
    image: np.ndarray | None,
) -> FrameView:
    image = read_frame(frame) if image is None else image
    truth = annotation(video, frame)
    predicted = [read_fitting(entry.folder, video, frame.name, image) for entry in entries]

    def runs(mask: np.ndarray) -> np.ndarray:
        return runs_of(fit(mask, size, cv2.INTER_NEAREST))

    return FrameView(
        positions[frame.name],
        encode_jpeg(fit(image, size, cv2.INTER_AREA), QUALITY),
        None if truth is None else runs(truth),
        tuple(map(runs, predicted)),
    )
