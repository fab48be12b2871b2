"""What a post-processing step takes and returns: the masks of one video, and what is fixed there.

Axes: T frames, K objects, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import cv2
import numpy as np

from vostool.core.types import ObjectIds

Planes = Callable[[int], tuple[np.ndarray, ObjectIds] | None]
"""Frame index -> (uint8 or float `[K+1, H, W]`, their ids), or None where the frame has none."""


class Lost(NamedTuple):
    """What an object is to lose.

    Attributes:
        pixels: bool `[H, W]`.
        why: for people, such as "smaller than 64 pixels".
    """

    pixels: np.ndarray
    why: str


FindLost = Callable[[int, np.ndarray], Lost | None]
"""(object id, its mask bool `[H, W]`) -> what it is to lose, or None for nothing."""


@dataclass(frozen=True)
class Change:
    """What a step did to an object in a frame.

    Attributes:
        object_id: the object.
        pixels: that it lost, or gained where negative.
        why: for people.
        step: name of the step, "" until a chain has run it.
    """

    object_id: int
    pixels: int
    why: str
    step: str = ""


@dataclass(frozen=True)
class FrameEdit:
    """What a step makes of one frame.

    Attributes:
        mask: uint8 ids `[H, W]`.
        excluded: per object id, bool `[H, W]`, pixels that were taken from it.
        changes: what was done so far, in order.
    """

    mask: np.ndarray
    excluded: Mapping[int, np.ndarray] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class MaskSequence:
    """Masks of one video in time order.

    Attributes:
        frames: masks as they are, with what earlier steps took from objects, so that later ones
            do not give it back; steps never write into the arrays.
        ids: the objects of the video.
        given: per frame, the ids whose mask the data set gives there; a step leaves these alone.
        planes: reads the probabilities of a frame, background first; None where there are none.
    """

    frames: tuple[FrameEdit, ...]
    ids: ObjectIds
    given: tuple[frozenset[int], ...]
    planes: Planes | None = None

    def __post_init__(self) -> None:
        if len(self.frames) != len(self.given):
            raise ValueError(f"{len(self.frames)} frames but {len(self.given)} sets of given ids")

    @property
    def masks(self) -> tuple[np.ndarray, ...]:
        """uint8 ids `[H, W]` per frame."""
        return tuple(frame.mask for frame in self.frames)

    def probability(self, index: int, object_id: int) -> np.ndarray | None:
        """Probability of an object, float32 `[H, W]` in [0, 1], or None where there is none."""
        read = None if self.planes is None else self.planes(index)
        if read is None or object_id not in read[1].values:
            return None
        plane = read[0][read[1].row(object_id)]
        scale = 255.0 if plane.dtype == np.uint8 else 1.0
        return plane.astype(np.float32) / np.float32(scale)

    def free_ids(self, index: int, mask: np.ndarray) -> tuple[int, ...]:
        """Ids that are in this frame's mask and not given there."""
        # numpy's bincount would first make a copy of eight bytes per pixel.
        counts = cv2.calcHist([mask], [0], None, [256], [0, 256]).ravel()
        present = (int(value) for value in np.flatnonzero(counts) if value)
        return tuple(value for value in present if value not in self.given[index])

    def remove(self, index: int, find_lost: FindLost) -> FrameEdit:
        """Take pixels from the objects of a frame until `find_lost` finds none.

        A removed pixel goes to the most probable label left to it, or to the background where
        there are no probabilities. That may make a piece of another object which has to go too,
        hence the repetition; it ends because no object gets back what it lost.
        """
        edit = self.frames[index]
        while True:
            lost = {}
            for object_id in self.free_ids(index, edit.mask):
                found = find_lost(object_id, edit.mask == object_id)
                if found is not None and found.pixels.any():
                    lost[object_id] = found
            if not lost:
                return edit
            edit = self._relabel(index, edit, lost)

    def remove_everywhere(self, find_lost: FindLost) -> MaskSequence:
        """`remove` in every frame, for filters that look at one frame at a time."""
        edits = tuple(self.remove(index, find_lost) for index in range(len(self.frames)))
        return replace(self, frames=edits)

    def _relabel(self, index: int, edit: FrameEdit, lost: Mapping[int, Lost]) -> FrameEdit:
        excluded = dict(edit.excluded)
        for object_id, (pixels, _) in lost.items():
            before = excluded.get(object_id)
            excluded[object_id] = pixels if before is None else before | pixels
        mask = edit.mask.copy()
        removed = np.logical_or.reduce([item.pixels for item in lost.values()])
        mask[removed] = self._best_left(index, removed, excluded)
        changes = [
            Change(object_id, int(item.pixels.sum()), item.why) for object_id, item in lost.items()
        ]
        return FrameEdit(mask, excluded, (*edit.changes, *changes))

    def _best_left(
        self, index: int, removed: np.ndarray, excluded: Mapping[int, np.ndarray]
    ) -> np.ndarray | int:
        """Labels `[n]` of the n removed pixels."""
        read = None if self.planes is None else self.planes(index)
        if read is None:
            return 0
        planes, ids = read
        scores = planes[:, removed].astype(np.float32)
        for row, object_id in enumerate(ids, start=1):
            if object_id in self.given[index]:  # its pixels in this frame are known already
                scores[row] = -1
            elif object_id in excluded:
                scores[row, excluded[object_id][removed]] = -1
        return ids.to_ids(scores.argmax(axis=0))
