"""Which objects are zoomed, and which rule said so."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

from vostool.inference.crop_zoom.options import CropZoomOptions
from vostool.inference.crop_zoom.trail import Trail
from vostool.inference.crop_zoom.window import Zoom
from vostool.media.boxes import Box


class Rule(enum.Enum):
    """What decided about an object; the text is for people."""

    LARGE_AT_FIRST = "its given box is too large"
    NEVER_SEEN = "it is never seen after its first frame"
    DISAGREEMENT = "tracker and mask agree in too few frames"
    GROWS = "its box grows too large"
    NO_GAIN = "zooming would not enlarge it enough"
    ZOOM_DISAGREES = "the zoomed masks do not overlap the preliminary ones enough"
    ELIGIBLE = "it is small throughout and tracker and mask agree"


@dataclass(frozen=True)
class Verdict:
    """What becomes of one object.

    Attributes:
        object_id: its id.
        rule: what decided.
        visible, agreeing: frames after its first one.
        largest: widest and highest box side over the given and all agreeing frames, in pixels.
        zoom: how it is zoomed; None where it was turned down before.
        kept_frames: frames whose preliminary result was kept although the object was zoomed.
        overlap: mean IoU of zoomed and preliminary masks over agreeing frames, if it was zoomed.
    """

    object_id: int
    rule: Rule
    visible: int = 0
    agreeing: int = 0
    largest: tuple[float, float] = (0.0, 0.0)
    zoom: Zoom | None = None
    kept_frames: int = 0
    overlap: float | None = None

    @property
    def eligible(self) -> bool:
        """Whether the zoomed result is used."""
        return self.rule is Rule.ELIGIBLE

    def as_json(self) -> dict[str, Any]:
        """For the manifest."""
        entry: dict[str, Any] = {
            "object": self.object_id,
            "zoomed": self.eligible,
            "rule": self.rule.name.lower().replace("_", "-"),
            "visible_frames": self.visible,
            "agreeing_frames": self.agreeing,
            "largest_box": [round(float(side), 1) for side in self.largest],
        }
        if self.zoom is not None:
            entry["window"] = list(self.zoom.window)
            entry["seen_as"] = list(self.zoom.seen_as)
            entry["kept_preliminary_frames"] = self.kept_frames
        if self.overlap is not None:
            entry["overlap"] = round(self.overlap, 4)
        return entry

    def sentence(self) -> str:
        """One line for the screen."""
        answer = "zoomed" if self.eligible else "not zoomed"
        width, height = self.largest
        numbers = [f"largest box {width:.0f}x{height:.0f}"]
        if self.visible:
            numbers.append(f"agrees in {self.agreeing} of {self.visible} frames")
        if self.overlap is not None:
            numbers.append(f"overlap {self.overlap:.2f}")
        if self.kept_frames:
            numbers.append(f"{self.kept_frames} frames keep their preliminary result")
        return f"object {self.object_id}: {answer}: {self.rule.value} ({', '.join(numbers)})"


def may_be_zoomed(given: Box, options: CropZoomOptions) -> bool:
    """Whether an object is small enough in its first frame to be worth tracking."""
    return given.width < options.largest_side and given.height < options.largest_side


def judge(
    trail: Trail, frame: tuple[int, int], preliminary_scale: float, options: CropZoomOptions
) -> Verdict:
    """Apply the rules in turn.

    Args:
        trail: of the whole video.
        frame: least height and least width over the video's frames.
        preliminary_scale: network pixels per pixel in the preliminary pass, at scale 1.
    """
    boxes = trail.agreeing_boxes()
    largest = (max(box.width for box in boxes), max(box.height for box in boxes))
    zoom = Zoom.plan(largest, frame, options)
    if not may_be_zoomed(trail.given, options):
        rule = Rule.LARGE_AT_FIRST
    elif not trail.visible:
        rule = Rule.NEVER_SEEN
    elif trail.agreement < options.least_agreement:
        rule = Rule.DISAGREEMENT
    elif max(largest) >= options.largest_side:
        rule = Rule.GROWS
    elif zoom.factor < options.least_gain * preliminary_scale:
        rule = Rule.NO_GAIN
    else:
        rule = Rule.ELIGIBLE
    return Verdict(
        trail.object_id,
        rule,
        trail.visible,
        trail.agreeing,
        largest,
        zoom if rule is Rule.ELIGIBLE else None,
    )
