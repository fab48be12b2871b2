"""The preliminary pass: segment the whole video, and track its small objects on the way."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from vostool.core.types import ObjectIds
from vostool.inference.crop_zoom.eligibility import may_be_zoomed
from vostool.inference.crop_zoom.options import CropZoomOptions
from vostool.inference.crop_zoom.store import ArrayStore
from vostool.inference.crop_zoom.trail import Follower, Trail
from vostool.inference.engine import FrameResult
from vostool.inference.run import Request, Run
from vostool.inference.source import FrameSource, SourceFrame
from vostool.inference.tracker import TrackerFactory
from vostool.media.boxes import mask_box
from vostool.predictions.quantise import to_uint8

MASK, PLANES, GIVEN = "mask", "planes", "given"
"""Kinds in the store: ids `[H, W]`, probabilities `[K+1, H, W]`, given ids `[H, W]`."""


@dataclass
class Preliminary:
    """What is remembered of the pass; arrays are in the store.

    Attributes:
        names, wanted, sizes: per frame its name, whether a result is wanted, height and width.
        trails: of all objects that appeared, in the order in which they did.
    """

    names: list[str] = field(default_factory=list)
    wanted: list[bool] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    trails: list[Trail] = field(default_factory=list)

    @property
    def least_size(self) -> tuple[int, int]:
        """Least height and least width over all frames."""
        return min(size[0] for size in self.sizes), min(size[1] for size in self.sizes)


def run_preliminary(
    run: Run,
    source: FrameSource,
    request: Request,
    zoom: CropZoomOptions,
    make_tracker: TrackerFactory,
    store: ArrayStore,
) -> Preliminary:
    """Segment all frames, also those whose results nobody wants: agreement needs their masks.

    Masks of all frames are stored, and quantised probabilities of the wanted frames if the caller
    wants any or an object may be zoomed.
    """
    pass_ = _Pass(source.ids, zoom, make_tracker, store, request.probabilities)
    watched = _Watched(source)
    for result in run(watched, dataclasses.replace(request, probabilities=True)):
        pass_.take(watched.frames.popleft(), result)
    return pass_.record


class _Pass:
    def __init__(
        self,
        ids: ObjectIds,
        zoom: CropZoomOptions,
        make_tracker: TrackerFactory,
        store: ArrayStore,
        keep_all: bool,
    ):
        self._ids, self._zoom, self._make_tracker = ids, zoom, make_tracker
        self._store, self._keep_all = store, keep_all
        self._followers: list[Follower] = []
        self.record = Preliminary()

    def take(self, frame: SourceFrame, result: FrameResult) -> None:
        """Note a frame and its result."""
        record, index = self.record, len(self.record.names)
        record.names.append(frame.name)
        record.wanted.append(frame.output)
        record.sizes.append((frame.image.shape[0], frame.image.shape[1]))
        self._store.put(MASK, index, result.mask)
        for follower in self._followers:
            follower.step(frame.image, result.mask == follower.trail.object_id)
        if frame.given is not None:
            self._store.put(GIVEN, index, frame.given)
            self._meet(frame, frame.given, index)
        if frame.output and (self._keep_all or self._followers):
            assert result.probabilities is not None
            self._store.put(PLANES, index, to_uint8(result.probabilities))

    def _meet(self, frame: SourceFrame, given: np.ndarray, index: int) -> None:
        """Begin to follow the objects that are new and small."""
        known = {trail.object_id for trail in self.record.trails}
        for value in self._ids:
            mask = given == value
            box = mask_box(mask)
            if box is None or value in known:
                continue
            if not may_be_zoomed(box, self._zoom):
                self.record.trails.append(Trail(value, index, box))
                continue
            tracker = self._make_tracker()
            follower = Follower.begin(value, index, frame.image, mask, tracker, self._zoom)
            self._followers.append(follower)
            self.record.trails.append(follower.trail)


class _Watched:
    """A source all of whose results are wanted.

    Attributes:
        frames: of the first pass, as they were; those whose results have not come yet.
    """

    def __init__(self, source: FrameSource):
        self._source = source
        self.name, self.ids = source.name, source.ids
        self.frames: deque[SourceFrame] = deque()
        self._first_pass = True

    def __len__(self) -> int:
        return len(self._source)

    def __iter__(self) -> Iterator[SourceFrame]:
        keeping, self._first_pass = self._first_pass, False
        for frame in self._source:
            if keeping:
                self.frames.append(frame)
            yield dataclasses.replace(frame, output=True)
