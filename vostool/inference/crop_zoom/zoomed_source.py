"""The window of one object, enlarged, as a video of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np

from vostool.core.types import ObjectIds, ObjectProposals
from vostool.inference.crop_zoom.window import Zoom
from vostool.inference.source import FrameSource, SourceFrame
from vostool.media import proposals


@dataclass(frozen=True)
class ZoomedSource:
    """A `FrameSource` that starts where its object does.

    Attributes:
        source: the whole video.
        ids: the object and the neighbours that are followed with it.
        first: index of the object's first frame.
        corners: row and column of the window in each frame from `first` on.
        zoom: sizes of the window.
        given: per frame index of the video, uint8 `[H, W]` ids given there; other ids than `ids`
            are dropped.
    """

    source: FrameSource
    ids: ObjectIds
    first: int
    corners: Sequence[tuple[int, int]]
    zoom: Zoom
    given: Mapping[int, np.ndarray]

    @property
    def name(self) -> str:
        """Name of the video."""
        return self.source.name

    def __len__(self) -> int:
        return len(self.corners)

    def __iter__(self) -> Iterator[SourceFrame]:
        for index, frame in enumerate(islice(self.source, self.first + len(self.corners))):
            if index < self.first:
                continue
            corner = self.corners[index - self.first]
            given = self.given.get(index)
            if given is not None:
                wanted = np.where(np.isin(given, self.ids.values), given, 0).astype(np.uint8)
                given = enlarge_mask(crop(wanted, corner, self.zoom.window), self.zoom.seen_as)
            image = enlarge_image(crop(frame.image, corner, self.zoom.window), self.zoom.seen_as)
            yield SourceFrame(frame.name, image, given, proposals=self._proposals(frame, corner))

    def _proposals(self, frame: SourceFrame, corner: tuple[int, int]) -> ObjectProposals | None:
        if frame.proposals is None:
            return None
        inside = proposals.crop(frame.proposals, corner, self.zoom.window)
        return proposals.resize(inside, self.zoom.seen_as)


def crop(array: np.ndarray, corner: tuple[int, int], window: tuple[int, int]) -> np.ndarray:
    """The part `[h, w, ...]` of an array `[H, W, ...]`; a view."""
    (top, left), (height, width) = corner, window
    return array[top : top + height, left : left + width]


def enlarge_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bicubic resize of uint8 `[h, w, 3]`, averaging where it shrinks."""
    shrinks = size[0] < image.shape[0] or size[1] < image.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(np.ascontiguousarray(image), size[::-1], interpolation=how)


def enlarge_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Nearest-neighbour resize of uint8 `[h, w]`."""
    mask = np.ascontiguousarray(mask)
    return cv2.resize(mask, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)


def neighbours(mask: np.ndarray, object_id: int, least: int) -> list[int]:
    """Ids of other objects that have at least `least` pixels in a cropped id mask `[h, w]`."""
    values, counts = np.unique(mask, return_counts=True)
    return [
        value
        for value, count in zip(values.tolist(), counts.tolist(), strict=True)
        if value not in (0, object_id) and count >= least
    ]
