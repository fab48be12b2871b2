"""What the engine asks of a video: frames one by one, and the masks that are given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from vostool.core.errors import DataError
from vostool.core.types import ObjectIds, ObjectProposals, ProposalSource


@dataclass(frozen=True)
class SourceFrame:
    """One frame.

    Attributes:
        name: also the name of its result.
        image: uint8 `[H, W, 3]` RGB.
        given: uint8 `[H, W]` ids of the objects whose masks are given in this frame (0 elsewhere),
            or None.
        output: whether a result is wanted.
        proposals: of objects, in pixels of the frame, or None where nobody looked for any.
    """

    name: str
    image: np.ndarray
    given: np.ndarray | None = None
    output: bool = True
    proposals: ObjectProposals | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the image."""
        return self.image.shape[0], self.image.shape[1]


class FrameSource(Protocol):
    """A video; iterating again starts again."""

    @property
    def name(self) -> str:
        """Name, for messages."""

    @property
    def ids(self) -> ObjectIds:
        """Ids of all objects, also of those that appear late or never."""

    def __len__(self) -> int:
        """How many frames there are."""

    def __iter__(self) -> Iterator[SourceFrame]:
        """All frames in time order; DataError where one cannot be read."""


@dataclass(frozen=True)
class ArraySource:
    """A video in memory.

    Attributes:
        name: for messages.
        images: uint8 `[H, W, 3]` each, RGB.
        given: per frame index, uint8 `[H, W]` ids.
        names: of the frames; default 00000, 00001, ...
    """

    name: str
    images: Sequence[np.ndarray]
    given: Mapping[int, np.ndarray]
    names: Sequence[str] = field(default=())

    @property
    def ids(self) -> ObjectIds:
        """All ids in the given masks."""
        found = {value for mask in self.given.values() for value in np.unique(mask).tolist()}
        return ObjectIds.of(found - {0})

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[SourceFrame]:
        for index, image in enumerate(self.images):
            name = self.names[index] if self.names else f"{index:05d}"
            yield SourceFrame(name, image, self.given.get(index))


@dataclass(frozen=True)
class WithProposals:
    """A video whose frames come with object proposals, for networks that ask for them.

    Attributes:
        source: the video.
        detector: finds them; asked again each time that the video is iterated over.
    """

    source: FrameSource
    detector: ProposalSource

    @property
    def name(self) -> str:
        """Name of the video."""
        return self.source.name

    @property
    def ids(self) -> ObjectIds:
        """See `FrameSource.ids`."""
        return self.source.ids

    def __len__(self) -> int:
        return len(self.source)

    def __iter__(self) -> Iterator[SourceFrame]:
        for frame in self.source:
            found = self.detector.proposals(frame.image, self.name, frame.name)
            yield replace(frame, proposals=found)


def check_frame(frame: SourceFrame, video: str) -> None:
    """Raise DataError if arrays of a frame do not fit each other."""
    place = f"video {video}, frame {frame.name}"
    if frame.image.ndim != 3 or frame.image.shape[2] != 3 or frame.image.dtype != np.uint8:
        raise DataError(
            f"an image must be uint8 [H, W, 3], got {frame.image.dtype} {frame.image.shape}",
            where=place,
        )
    if frame.given is not None and frame.given.shape != frame.image.shape[:2]:
        raise DataError(
            f"the mask has {_size(frame.given)} pixels, the image {_size(frame.image)}",
            where=place,
            remedy="give the mask at the size of the frame",
        )
    if frame.proposals is not None and frame.proposals.masks.shape[-2:] != frame.image.shape[:2]:
        found = "x".join(map(str, frame.proposals.masks.shape[-2:]))
        raise DataError(
            f"the proposals' masks have {found} pixels, the image {_size(frame.image)}",
            where=place,
            remedy="make proposals at the size of the frame",
        )


def _size(array: np.ndarray) -> str:
    return f"{array.shape[0]}x{array.shape[1]}"
