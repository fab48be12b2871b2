"""The nouns that every part speaks: Frame, Video, ObjectIds, Clip, Fate, ObjectProposals.

Axes: B clips, T frames, N objects, H x W pixels. A *row* is an object's position 1..N in tensors
(0 is the background); an *id* is the number that the data set uses for it, with gaps allowed.

torch is imported only where tensors are made: most commands handle files alone, and loading it
takes longer than they do.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from vostool.core.errors import DataError

if TYPE_CHECKING:
    import torch

VOID = 255
"""Pixel value that DAVIS uses for 'ignore'; never an object id."""


class MaskEncoding(enum.Enum):
    """What pixel values of an annotation file mean."""

    INDEXED = "indexed"
    """Value = object id, 0 = background, 255 = void."""
    BINARY = "binary"
    """Any non-zero value = object 1 (DAVIS 2016 stores 0 and 255)."""


@dataclass(frozen=True)
class ObjectIds:
    """Object ids of a video, strictly increasing, each in 1..254; position k is row k + 1."""

    values: tuple[int, ...]

    def __post_init__(self) -> None:
        if any(not 1 <= value < VOID for value in self.values):
            raise DataError(f"object ids must lie in 1..{VOID - 1}, got {list(self.values)}")
        if any(a >= b for a, b in zip(self.values, self.values[1:], strict=False)):
            raise DataError(f"object ids must be strictly increasing, got {list(self.values)}")

    @classmethod
    def of(cls, ids: Iterable[int]) -> ObjectIds:
        """Build from ids in any order, duplicates allowed."""
        return cls(tuple(sorted({int(value) for value in ids})))

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[int]:
        return iter(self.values)

    def row(self, object_id: int) -> int:
        """Row (1..N) of an id. Raises ValueError if it is not among the ids."""
        return self.values.index(object_id) + 1

    def to_rows(self, mask: np.ndarray) -> np.ndarray:
        """Map a uint8 id mask `[H, W]` to rows; ids that are not listed become 0."""
        table = np.zeros(256, np.uint8)
        table[list(self.values)] = np.arange(1, len(self.values) + 1, dtype=np.uint8)
        return table[mask]

    def to_ids(self, rows: np.ndarray) -> np.ndarray:
        """Map a row mask `[H, W]` (values 0..N) back to a uint8 id mask."""
        return np.array((0, *self.values), np.uint8)[rows]


@dataclass(frozen=True)
class EncodedMask:
    """A mask as a run-length code (COCO's text form).

    Attributes:
        size: (height, width) that it says it has.
        counts: the code.
    """

    size: tuple[int, int]
    counts: bytes


@dataclass(frozen=True)
class Layer:
    """The mask of one object in one frame, apart from those of other objects.

    Attributes:
        id: of the object.
        source: a mask file whose non-zero pixels are the object, or a run-length code.
        where: file and frame, for messages.
    """

    id: int
    source: Path | EncodedMask
    where: str


@dataclass(frozen=True)
class Frame:
    """One frame of a video on disk.

    Attributes:
        name: file stem, such as "00005"; also the name of the mask that is written for it.
        image: image file, or a movie file when `movie_index` is given.
        annotation: mask file of this frame, or None where the frame has none.
        movie_index: position of the frame in the movie file, from 0.
        layers: the masks of the objects apart, where they may overlap (then `annotation` is None);
            an object without one is absent. None where the frame has none.
    """

    name: str
    image: Path
    annotation: Path | None = None
    movie_index: int | None = None
    layers: tuple[Layer, ...] | None = None

    @property
    def annotated(self) -> bool:
        """Whether there are masks of this frame, one for all objects or one per object."""
        return self.annotation is not None or self.layers is not None


@dataclass(frozen=True)
class ScoredFrames:
    """Frames in which an object is scored, where the data set itself says so (LVOS).

    Attributes:
        names: in time order.
        count: by how many frames scores are divided; those that `names` lacks count as 0.
    """

    names: tuple[str, ...]
    count: int


@dataclass(frozen=True)
class VideoObject:
    """One object of a video.

    Attributes:
        id: pixel value in annotations.
        first_frame: name of the frame in which its mask is given.
        category: for seen / unseen scoring, or None where unknown.
        frames: names of the frames in which it is listed as annotated (YouTube-VOS `meta.json`);
            empty where the data set lists none.
        scored: the frames that count for it; None where that follows from the data set's rule.
        label: what the data set's own result files call it; "" where they use the id.
    """

    id: int
    first_frame: str
    category: str | None = None
    frames: tuple[str, ...] = ()
    scored: ScoredFrames | None = None
    label: str = ""


@dataclass(frozen=True)
class Video:
    """A video with the objects to follow.

    Attributes:
        name: folder name in predictions and submissions; may contain no path separator.
        frames: all frames to run through, in time order.
        objects: sorted by id; may be empty (unlabelled test video).
        output_frames: names of the frames whose masks are written by default and submitted.
        encoding: what pixel values of the annotations mean.
        frame_step: raw video frames between two neighbouring `frames` (5 for sparse YouTube-VOS).
        listing: the file that lists the video, where result files repeat parts of it (BURST).
    """

    name: str
    frames: tuple[Frame, ...]
    objects: tuple[VideoObject, ...]
    output_frames: tuple[str, ...]
    encoding: MaskEncoding = MaskEncoding.INDEXED
    frame_step: int = 1
    listing: Path | None = None
    _position: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        position = {frame.name: index for index, frame in enumerate(self.frames)}
        if len(position) != len(self.frames):
            raise DataError("two frames have the same name", where=f"video {self.name}")
        if not self.name or self.name in (".", "..") or set(self.name) & set("/\\\0"):
            raise DataError(f"a video cannot be named {self.name!r}")
        for item in self.objects:
            if item.first_frame not in position:
                raise DataError(
                    f"object {item.id} first appears in frame {item.first_frame}, "
                    "which the video does not have",
                    where=f"video {self.name}",
                    remedy="check meta.json and the image folder (vostool check-data)",
                )
        ObjectIds(tuple(item.id for item in self.objects))
        object.__setattr__(self, "_position", position)

    @property
    def ids(self) -> ObjectIds:
        """Ids of all objects."""
        return ObjectIds(tuple(item.id for item in self.objects))

    @property
    def frame_names(self) -> tuple[str, ...]:
        """Names of all frames in time order."""
        return tuple(frame.name for frame in self.frames)

    def index(self, frame_name: str) -> int:
        """Position of a frame by name. Raises KeyError if the video does not have it."""
        return self._position[frame_name]

    def new_objects(self, frame_name: str) -> tuple[VideoObject, ...]:
        """Objects whose mask is given in this frame."""
        return tuple(item for item in self.objects if item.first_frame == frame_name)


@dataclass(frozen=True)
class Clip:
    """Training input: B clips of T frames with up to N objects.

    Attributes:
        images: float32 `[B, T, 3, H, W]` in [0, 1], RGB.
        labels: int64 `[B, T, H, W]`, rows 0..N; objects absent from frame 0 are background.
        present: bool `[B, N]`, whether a clip has that object.
        previous: int64 `[B, T, H, W]`, labels of the annotated frame before each frame, or None.
        proposals: per clip, one for each frame, or None for a clip without.
    """

    images: torch.Tensor
    labels: torch.Tensor
    present: torch.Tensor
    previous: torch.Tensor | None = None
    proposals: tuple[tuple[ObjectProposals, ...] | None, ...] | None = None

    def __post_init__(self) -> None:
        if self.images.ndim != 5 or self.images.shape[2] != 3:
            raise ValueError(f"images must be [B, T, 3, H, W], got {tuple(self.images.shape)}")
        batch, frames, _, height, width = self.images.shape
        for name, labels in (("labels", self.labels), ("previous", self.previous)):
            if labels is not None and tuple(labels.shape) != (batch, frames, height, width):
                raise ValueError(
                    f"{name} must be {(batch, frames, height, width)}, got {tuple(labels.shape)}"
                )
        if self.present.ndim != 2 or self.present.shape[0] != batch:
            raise ValueError(f"present must be [{batch}, N], got {tuple(self.present.shape)}")
        if self.proposals is not None and len(self.proposals) != batch:
            raise ValueError(f"proposals must be of {batch} clips, got {len(self.proposals)}")
        for of_clip in self.proposals or ():
            if of_clip is not None and len(of_clip) != frames:
                raise ValueError(f"proposals must be of {frames} frames, got {len(of_clip)}")

    @classmethod
    def collate(cls, clips: Sequence[Clip]) -> Clip:
        """Join clips of equal T, H, W along B; N becomes the largest N."""
        import torch

        most = max(clip.present.shape[1] for clip in clips)
        present = [
            torch.nn.functional.pad(clip.present, (0, most - clip.present.shape[1]))
            for clip in clips
        ]
        previous = [clip.previous for clip in clips if clip.previous is not None]
        proposals = [
            of_clip
            for clip in clips
            for of_clip in clip.proposals or (None,) * clip.present.shape[0]
        ]
        return cls(
            torch.cat([clip.images for clip in clips]),
            torch.cat([clip.labels for clip in clips]),
            torch.cat(present),
            torch.cat(previous) if len(previous) == len(clips) else None,
            tuple(proposals) if any(item is not None for item in proposals) else None,
        )

    def to(self, device: torch.device) -> Clip:
        """Copy to a device."""
        previous = None if self.previous is None else self.previous.to(device)
        proposals = self.proposals and tuple(
            of_clip and tuple(item.to(device) for item in of_clip) for of_clip in self.proposals
        )
        return Clip(
            self.images.to(device),
            self.labels.to(device),
            self.present.to(device),
            previous,
            proposals,
        )


class Fate(enum.Enum):
    """What becomes of a frame in an object's memory."""

    GIVEN = "given"
    """Stays; the object's mask is given in this frame, not predicted."""
    KEEP = "keep"
    """Stays."""
    REPLACE = "replace"
    """Held until the next frame is offered (STM's 'previous frame')."""
    SKIP = "skip"
    """Not memorised."""


@dataclass(frozen=True)
class ObjectProposals:
    """What may be objects in one image: P candidates in no particular order.

    Attributes:
        boxes: float32 `[P, 4]`, x0, y0, x1, y1 in pixels (ends excluded).
        scores: float32 `[P]` in [0, 1].
        masks: bool `[P, H, W]`.
    """

    boxes: torch.Tensor
    scores: torch.Tensor
    masks: torch.Tensor

    def __post_init__(self) -> None:
        import torch

        count = len(self.boxes)
        if tuple(self.boxes.shape) != (count, 4):
            raise ValueError(f"boxes must be [P, 4], got {tuple(self.boxes.shape)}")
        if tuple(self.scores.shape) != (count,):
            raise ValueError(f"scores must be [{count}], got {tuple(self.scores.shape)}")
        if self.masks.ndim != 3 or len(self.masks) != count or self.masks.dtype != torch.bool:
            raise ValueError(
                f"masks must be bool [{count}, H, W], got {self.masks.dtype} "
                f"{tuple(self.masks.shape)}"
            )

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def none(cls, height: int, width: int) -> ObjectProposals:
        """No candidate in an image of this size."""
        import torch

        masks = torch.zeros((0, height, width), dtype=torch.bool)
        return cls(torch.zeros(0, 4), torch.zeros(0), masks)

    def to(self, device: torch.device) -> ObjectProposals:
        """Copy to a device."""
        return ObjectProposals(self.boxes.to(device), self.scores.to(device), self.masks.to(device))


class ProposalSource(Protocol):
    """Where proposals come from: a detector, or files that one has written."""

    def proposals(self, image: np.ndarray, video: str, frame: str) -> ObjectProposals:
        """Candidates in one frame, in its own coordinates.

        Args:
            image: uint8 `[H, W, 3]` RGB.
            video, frame: names.

        Raises:
            DataError: there are none to be had for this frame.
        """
