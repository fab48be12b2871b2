"""What the preliminary pass and the tracker say about one object, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from vostool.inference.crop_zoom.options import CropZoomOptions
from vostool.inference.tracker import Tracker
from vostool.media.boxes import Box, box_iou, mask_box, without_specks


@dataclass(frozen=True)
class Sight:
    """One frame after the one in which the object was given.

    Attributes:
        tracked: the tracker's box.
        score: the tracker's, in [0, 1].
        seen: box of the preliminary mask without its specks; None where too little is visible.
        agrees: whether both boxes overlap enough; False where nothing is visible.
        at_border: whether that box of the mask reaches the frame's border.
    """

    tracked: Box
    score: float
    seen: Box | None
    agrees: bool
    at_border: bool = False


@dataclass
class Trail:
    """An object's way through the video.

    Attributes:
        object_id: its id.
        first: index of the frame in which its mask is given.
        given: box of that mask.
        sights: of frames `first` + 1, `first` + 2, ...
        at_border: whether the given box reaches the frame's border.
    """

    object_id: int
    first: int
    given: Box
    sights: list[Sight] = field(default_factory=list)
    at_border: bool = False

    @property
    def visible(self) -> int:
        """Frames in which the preliminary pass sees the object."""
        return sum(sight.seen is not None for sight in self.sights)

    @property
    def agreeing(self) -> int:
        """Frames in which mask and tracker agree."""
        return sum(sight.agrees for sight in self.sights)

    @property
    def agreement(self) -> float:
        """Agreeing frames per visible frame, 0 where there is none."""
        return self.agreeing / self.visible if self.visible else 0.0

    def departed(self) -> list[bool]:
        """Whether the object has left the picture, per frame after its first one.

        It has where nothing is seen of it, and it was at the border when it was seen last.
        """
        leaving, found = self.at_border, []
        for sight in self.sights:
            if sight.seen is not None:
                leaving = sight.at_border
            found.append(sight.seen is None and leaving)
        return found

    def agreeing_boxes(self) -> list[Box]:
        """The given box, and both boxes of all agreeing frames."""
        boxes = [self.given]
        for sight in self.sights:
            if sight.agrees and sight.seen is not None:
                boxes += [sight.tracked, sight.seen]
        return boxes


class Follower:
    """Tracks one object during the preliminary pass and keeps its trail."""

    def __init__(self, trail: Trail, tracker: Tracker, options: CropZoomOptions):
        self.trail, self._tracker, self._options = trail, tracker, options

    @classmethod
    def begin(
        cls,
        object_id: int,
        index: int,
        frame: np.ndarray,
        mask: np.ndarray,
        tracker: Tracker,
        options: CropZoomOptions,
    ) -> Follower:
        """Start on a given, non-empty mask bool `[H, W]`."""
        box = mask_box(mask)
        if box is None:
            raise ValueError(f"object {object_id} is given with an empty mask")
        tracker.start(frame, box)
        at_border = _at_border(box, mask.shape, options.border)
        return cls(Trail(object_id, index, box, at_border=at_border), tracker, options)

    def step(self, frame: np.ndarray, mask: np.ndarray) -> None:
        """Take in the next frame, with the preliminary mask bool `[H, W]`."""
        options = self._options
        whole = without_specks(mask, options.speck_share)
        visible = int(np.count_nonzero(whole)) >= options.visible_pixels
        seen = mask_box(whole) if visible else None
        tracked, score = self._tracker.step(frame, mask)
        inside = tracked.clipped((frame.shape[0], frame.shape[1])) or tracked
        agrees = seen is not None and box_iou(inside, seen) >= options.agreement_iou
        at_border = seen is not None and _at_border(seen, mask.shape, options.border)
        self.trail.sights.append(Sight(inside, score, seen, agrees, at_border))


def _at_border(box: Box, size: tuple[int, ...], reach: int) -> bool:
    """Whether a box comes within `reach` pixels of the border of a frame (H, W)."""
    right, bottom = box.x + box.width, box.y + box.height
    return min(box.x, box.y, size[1] - right, size[0] - bottom) <= reach
