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
    """

    tracked: Box
    score: float
    seen: Box | None
    agrees: bool


@dataclass
class Trail:
    """An object's way through the video.

    Attributes:
        object_id: its id.
        first: index of the frame in which its mask is given.
        given: box of that mask.
        sights: of frames `first` + 1, `first` + 2, ...
    """

    object_id: int
    first: int
    given: Box
    sights: list[Sight] = field(default_factory=list)

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
        return cls(Trail(object_id, index, box), tracker, options)

    def step(self, frame: np.ndarray, mask: np.ndarray) -> None:
        """Take in the next frame, with the preliminary mask bool `[H, W]`."""
        options = self._options
        whole = without_specks(mask, options.speck_share)
        visible = int(np.count_nonzero(whole)) >= options.visible_pixels
        seen = mask_box(whole) if visible else None
        tracked, score = self._tracker.step(frame, mask)
        inside = tracked.clipped((frame.shape[0], frame.shape[1])) or tracked
        agrees = seen is not None and box_iou(inside, seen) >= options.agreement_iou
        self.trail.sights.append(Sight(inside, score, seen, agrees))
