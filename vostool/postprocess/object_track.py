"""Where an object is believed to be, frame by frame (CAMN, arXiv 2205.08075, post-processing).

The radius, the velocity and the rules for objects that come back elsewhere are this project's.
Lengths are in pixels; D is the image diagonal, d the diagonal of the last accepted mask's box, g
the number of frames since then, v the object's velocity. A crumb, which is next to nothing of what
the object was, says not where it is: a network that lost an object often leaves one behind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.spatial import cKDTree

from vostool.postprocess._boxes import (
    Box,
    bounding_box,
    common,
    edge,
    grown,
    measured,
    placed,
    within,
)
from vostool.postprocess.components import Components

FORGET_VELOCITY_AFTER = 10
"""Frames without the object after which its velocity says nothing any more."""


ReadPlane = Callable[[], np.ndarray | None]
"""Reads an object's probability `[H, W]` where it is needed, as files are slow."""


class Rules(BaseModel):
    """How far an object may be, and when it is believed elsewhere."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_radius: float = Field(
        0.05, gt=0, le=1, description="Least radius (fraction of the image diagonal)."
    )
    object_radius: float = Field(
        1.0, ge=0, description="Radius (multiple of the object's box diagonal)."
    )
    growth: float = Field(
        0.5, ge=0, description="Growth of the radius per frame without the object (fraction)."
    )
    max_radius: float = Field(
        0.5, gt=0, description="Largest radius (fraction of the image diagonal)."
    )
    frame_gap: float = Field(
        1.0,
        gt=0,
        description="Frames between neighbouring masks, as a multiple of the usual; the radius "
        "grows with its root.",
    )
    reacquire_after: int = Field(
        3, ge=1, description="Frames in a row that a far component must be seen to be believed."
    )
    reacquire_probability: float = Field(
        0.8, ge=0, le=1, description="Least mean probability of a far component, where known."
    )
    reacquire_area_ratio: float = Field(
        4.0,
        ge=1,
        description="Largest ratio of a far component's area to the usual or given one; what is "
        "near and smaller than the usual by its square does not say where the object is.",
    )
    back_fill: bool = Field(
        False, description="Give a far component that is believed the frames withheld before."
    )


@dataclass(frozen=True)
class Judgement:
    """What is kept of a mask, bool `[H, W]`, and why.

    Attributes:
        near: it is where the object was.
        candidate: what may be the object elsewhere.
        moved: the candidate is what is kept.
    """

    kept: np.ndarray
    near: bool = False
    candidate: Candidate | None = None
    moved: bool = False


@dataclass(frozen=True)
class Candidate:
    """A far component that may be the object: how often in a row it was seen, and where."""

    mask: np.ndarray
    centroid: np.ndarray
    count: int


@dataclass
class ObjectTrack:
    """Where one object was last, bool `[H, W]`, and what speaks for it being elsewhere."""

    params: Rules
    diagonal: float
    last: np.ndarray | None = None
    gap: int = 0
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(2))
    candidate: Candidate | None = None
    withheld: list[tuple[int, np.ndarray]] = field(default_factory=list)
    believed: list[tuple[int, np.ndarray]] = field(default_factory=list)
    _judged: list[tuple[np.ndarray, Judgement]] = field(default_factory=list)
    _usual_area: float = 0.0
    _given_area: float = 0.0
    _box_diagonal: float = 0.0
    _centroid: np.ndarray = field(default_factory=lambda: np.zeros(2))

    @property
    def radius(self) -> float:
        """How far from the last position the object may be, in pixels."""
        own = max(
            self.params.min_radius * self.diagonal, self.params.object_radius * self._box_diagonal
        )
        own *= 1 + self.params.growth * self.gap
        return min(own, self.params.max_radius * self.diagonal) * self.params.frame_gap**0.5

    def why(self, judgement: Judgement) -> str:
        """Why what a judgement does not keep goes."""
        away = f"more than {self.radius:.0f} pixels from where it was or should be"
        if judgement.near or judgement.kept.any():
            return f"pieces {away}"
        count = 0 if judgement.candidate is None else judgement.candidate.count
        needed = self.params.reacquire_after
        credible = (
            "no piece is believed" if not count else f"believed in {count} of {needed} frames"
        )
        return f"all of it is {away}; {credible}"

    def restart(self, mask: np.ndarray) -> None:
        """A given mask: position known, no velocity, nothing pending."""
        self.believed = []
        self._move_to(mask, still=True)
        self._given_area = self._usual_area

    def judge(self, mask: np.ndarray, probability: ReadPlane) -> Judgement:
        """What of this frame's mask is believed, without changing where the object was.

        Without a last position (or one in a frame of another size) all of it is.
        """
        for seen, judgement in self._judged:  # a frame's mask comes again, whole or filtered
            if np.array_equal(seen, mask):
                return judgement
        judgement = self._judge(mask, probability)
        self._judged.append((mask, judgement))
        if judgement.kept.any():
            self._judged.append((judgement.kept, judgement))
        return judgement

    def _judge(self, mask: np.ndarray, probability: ReadPlane) -> Judgement:
        if not mask.any() or self.last is None or self.last.shape != mask.shape:
            return Judgement(mask, near=bool(mask.any()))
        box = bounding_box(mask)
        components = Components.of(mask[box])
        near = self._near(components, box)
        kept = mask if near.all() else placed(components.select(near), box, mask.shape)
        if near.any() and not self._is_crumb(components.areas[near].sum()):
            return Judgement(kept, near=True)
        if near.all():
            return Judgement(kept)
        plane = probability()
        means = components.means(None if plane is None else plane[box])
        candidate = self._candidate(components, np.where(near, 0, means), box)
        if candidate is not None and candidate.count >= self.params.reacquire_after:
            return Judgement(candidate.mask, candidate=candidate, moved=True)
        return Judgement(kept, candidate=candidate)

    def _is_crumb(self, area: float) -> bool:
        return area * self.params.reacquire_area_ratio**2 < self._usual_area

    def accept(self, judgement: Judgement, index: int) -> None:
        """Take a frame's judgement into the state."""
        self.believed, self._judged = [], []
        if judgement.near:
            self._move_to(judgement.kept, still=False)
        elif judgement.moved:
            self.believed = self.withheld
            self._move_to(judgement.kept, still=True)
        else:
            self.gap += 1
            self.candidate = judgement.candidate
            if self.candidate is None or self.candidate.count == 1:
                self.withheld = []
            if self.candidate is not None:
                self.withheld = [*self.withheld, (index, self.candidate.mask)]

    def _move_to(self, mask: np.ndarray, *, still: bool) -> None:
        known, before, frames = self.last is not None, self._centroid, self.gap + 1
        self.candidate, self.withheld, self._judged = None, [], []
        if mask.any():
            self.last = mask
            area, self._centroid, self._box_diagonal = measured(mask)
            self._usual_area = area if still or not known else (self._usual_area + area) / 2
        else:
            self.last = None
        if still or not known or self.gap >= FORGET_VELOCITY_AFTER:
            self.velocity = np.zeros(2)
        else:
            self.velocity = (self.velocity + (self._centroid - before) / frames) / 2
        self.gap = 0

    def _near(self, components: Components, box: Box) -> np.ndarray:
        """Which components, of a part of the frame, are within the radius of where the object was
        or should be by now; bool `[N]`.
        """
        assert self.last is not None
        expected = self.last | self._shifted()
        region = bounding_box(expected)
        close = np.zeros(len(components) + 1, bool)
        close[0] = True
        touched = common(box, region)
        close[components.labels[within(touched, box)][expected[touched]]] = True
        if close.all():
            return close[1:]
        # Beyond a window around it, everything is further away than the radius.
        margin = int(np.ceil(self.radius)) + 1
        window = common(box, grown(region, margin, expected.shape))
        labels = components.labels[within(window, box)]
        pixels = edge(labels != 0)
        owner = labels[tuple(pixels.T)]
        pixels, owner = pixels[~close[owner]], owner[~close[owner]]
        start = (window[0].start - region[0].start, window[1].start - region[1].start)
        tree = cKDTree(edge(expected[region]), balanced_tree=False, compact_nodes=False)
        away, _ = tree.query(pixels + start, distance_upper_bound=margin)
        close[owner[away <= self.radius]] = True
        return close[1:]

    def _shifted(self) -> np.ndarray:
        """The last mask moved on by its velocity, at most by the radius."""
        assert self.last is not None
        shift = self.velocity * (self.gap + 1)
        length = float(np.hypot(*shift))
        if length > self.radius:
            shift = shift * (self.radius / length)
        columns, rows = (int(value) for value in np.rint(shift))
        moved = np.zeros_like(self.last)
        height, width = self.last.shape
        target = (
            slice(max(rows, 0), height + min(rows, 0)),
            slice(max(columns, 0), width + min(columns, 0)),
        )
        source = (
            slice(max(-rows, 0), height + min(-rows, 0)),
            slice(max(-columns, 0), width + min(-columns, 0)),
        )
        moved[target] = self.last[source]
        return moved

    def _candidate(self, components: Components, means: np.ndarray, box: Box) -> Candidate | None:
        """The likeliest far component, of a part of the frame, if it is credible."""
        assert self.last is not None
        best = int((components.areas * means).argmax())
        area, ratio = components.areas[best], self.params.reacquire_area_ratio
        known = (self._usual_area, self._given_area or self._usual_area)
        credible = means[best] >= self.params.reacquire_probability and (
            min(known) / ratio <= area <= max(known) * ratio
        )
        if not credible:
            return None
        centroid = components.centroids[best] + (box[1].start, box[0].start)
        reach = max(self.params.min_radius * self.diagonal, float(components.diagonals[best]))
        before, count = self.candidate, 1
        if before is not None and np.hypot(*(centroid - before.centroid)) <= reach:
            count = before.count + 1
        mask = placed(components.labels == best + 1, box, self.last.shape)
        return Candidate(mask, centroid, count)
