"""First pass, second passes of the small objects, and what becomes of both."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vostool.core.types import ObjectIds
from vostool.inference.crop_zoom.combine import combine, combined_labels
from vostool.inference.crop_zoom.options import CropZoomOptions
from vostool.inference.crop_zoom.preliminary import (
    GIVEN,
    MASK,
    PLANES,
    Preliminary,
    run_preliminary,
)
from vostool.inference.crop_zoom.store import ArrayStore
from vostool.inference.crop_zoom.window import Zoom
from vostool.inference.crop_zoom.zoomed_source import ZoomedSource, crop
from vostool.inference.engine import FrameResult
from vostool.inference.run import Request, Run
from vostool.inference.small_objects.options import SmallObjectsOptions
from vostool.inference.small_objects.plan import Seen, corners, plan_window
from vostool.inference.source import FrameSource
from vostool.inference.tracker import make_tracker
from vostool.media.geometry import resize_image
from vostool.predictions.quantise import from_uint8, to_uint8

NO_TRACKER = CropZoomOptions(largest_side=1)
"""The first pass is crop-then-zoom's; no object is so small that it would be tracked."""

Note = Callable[[dict[str, Any]], None]


def run_with_small_objects(
    run: Run,
    source: FrameSource,
    request: Request,
    options: SmallObjectsOptions,
    *,
    on_object: Note | None = None,
    scratch: Path | None = None,
) -> Iterator[FrameResult]:
    """As `run`, with small objects segmented a second time in an enlarged window.

    The first result comes after all passes. What is kept meanwhile lies compressed in a temporary
    folder, probabilities in steps of 1/255. Frames in which an object's mask is given keep it.

    Args:
        on_object: told a JSON object about each small object, before the first result.
        scratch: where the temporary folder is made; the system's where None.

    Raises:
        DataError: as `run`.
        OutputError: no space for the temporary folder.
    """
    with ArrayStore(scratch) as store:
        wanted = dataclasses.replace(request, probabilities=True)
        record = run_preliminary(run, source, wanted, NO_TRACKER, make_tracker(), store)
        passes = []
        for seen in _seen(record, store):
            if not seen.is_small(options):
                continue
            second = _SecondPass.of(run, source, record, seen, options, store)
            entry = second.run(run.changed(options=run.options.at_own_size()), wanted)
            passes.append(second)
            if on_object is not None:
                on_object(entry)
        for index, asked in enumerate(record.wanted):
            if asked:
                yield _final(source.ids, record, store, passes, index, request.probabilities)


def _seen(record: Preliminary, store: ArrayStore) -> list[Seen]:
    """All objects as the first pass sees them, by id; masks are read once."""
    found: list[Seen] = []
    for index in range(len(record.names)):
        mask = store.get(MASK, index)
        for trail in record.trails:
            if trail.first == index:
                given = store.get(GIVEN, index) == trail.object_id
                found.append(Seen(trail.object_id, index, given))
        for seen in found:
            seen.add(seen.given if index == seen.first else mask == seen.object_id)
    return sorted(found, key=lambda seen: seen.object_id)


@dataclass(frozen=True)
class _SecondPass:
    """One small object; planes of accepted frames are stored at the window's own size."""

    seen: Seen
    zoom: Zoom
    corners: list[tuple[int, int]]
    source: ZoomedSource
    record: Preliminary
    store: ArrayStore
    options: SmallObjectsOptions

    @classmethod
    def of(
        cls,
        run: Run,
        source: FrameSource,
        record: Preliminary,
        seen: Seen,
        options: SmallObjectsOptions,
        store: ArrayStore,
    ) -> _SecondPass:
        frame = record.least_size
        factor = run.options.sides.factor(frame)
        zoom = plan_window(seen, frame, (frame[0] * factor, frame[1] * factor), options)
        places = corners(seen, record.sizes[seen.first :], zoom.window, options)
        given = _given(record, store, seen, places, zoom)
        ids = {value for mask in given.values() for value in np.unique(mask).tolist()} - {0}
        zoomed = ZoomedSource(source, ObjectIds.of(ids), seen.first, places, zoom, given)
        return cls(seen, zoom, places, zoomed, record, store, options)

    @property
    def _kind(self) -> str:
        return f"small{self.seen.object_id}"

    def run(self, run: Run, request: Request) -> dict[str, Any]:
        """Run all frames; what to say about the object."""
        row = self.source.ids.row(self.seen.object_id)
        accepted = asked = 0
        for step, result in enumerate(run(self.source, request)):
            index = self.seen.first + step
            if step == 0 or not self.record.wanted[index]:
                continue
            assert result.probabilities is not None
            plane = resize_image(result.probabilities[row][None], self.zoom.window)[0]
            asked += 1
            if self._accepts(index, step, plane.cpu().numpy()):
                accepted += 1
                self.store.put(self._kind, index, to_uint8(plane))
        return {
            "object": self.seen.object_id,
            "median_area": round(float(np.median(self.seen.parts)), 6),
            "window": list(self.zoom.window),
            "seen_as": list(self.zoom.seen_as),
            "accepted_frames": accepted,
            "frames": asked,
        }

    def _accepts(self, index: int, step: int, plane: np.ndarray) -> bool:
        """Whether a frame is taken: both passes agree, or the first one was not sure."""
        first = self.store.get(MASK, index) == self.seen.object_id
        zoomed = plane > 0.5
        common = np.count_nonzero(crop(first, self.corners[step], self.zoom.window) & zoomed)
        union = np.count_nonzero(first) + np.count_nonzero(zoomed) - common
        if union and common / union >= self.options.least_overlap:
            return True
        if not first.any():
            return True
        row = self.source.source.ids.row(self.seen.object_id)
        said = from_uint8(self.store.get(PLANES, index)[row : row + 1])[0]
        return float(said[first].mean()) < self.options.unsure_below

    def plane(self, index: int, before: np.ndarray) -> np.ndarray | None:
        """Probability float32 `[H, W]` of the object in a frame; None where the first pass stays.

        Outside of the window it is what the first pass said, `before`.
        """
        if not self.store.has(self._kind, index):
            return None
        result = before.copy()
        corner = self.corners[index - self.seen.first]
        crop(result, corner, self.zoom.window)[...] = from_uint8(self.store.get(self._kind, index))
        return result


def _given(
    record: Preliminary,
    store: ArrayStore,
    seen: Seen,
    places: list[tuple[int, int]],
    zoom: Zoom,
) -> dict[int, np.ndarray]:
    """Masks to start from: all objects in the object's first frame, later the new ones."""
    given = {}
    for step, corner in enumerate(places):
        index = seen.first + step
        if not store.has(GIVEN, index):
            continue
        mask = store.get(MASK if step == 0 else GIVEN, index)
        inside = {int(value) for value in np.unique(crop(mask, corner, zoom.window))} - {0}
        if step == 0:
            inside |= {seen.object_id}
        if inside:
            given[index] = np.where(np.isin(mask, list(inside)), mask, 0).astype(np.uint8)
    return given


def _final(
    ids: ObjectIds,
    record: Preliminary,
    store: ArrayStore,
    passes: list[_SecondPass],
    index: int,
    probabilities: bool,
) -> FrameResult:
    """The result of a frame: small objects take what their second pass says of them."""
    mask = store.get(MASK, index).copy()
    given = store.get(GIVEN, index) if store.has(GIVEN, index) else None
    volume = from_uint8(store.get(PLANES, index))
    rows, planes = [], []
    for second in passes:
        own = second.seen.object_id
        plane = second.plane(index, volume[ids.row(own)])
        if plane is None or (given is not None and (given == own).any()):
            continue
        rows.append(ids.row(own))
        planes.append(plane if given is None else np.where(given > 0, 0, plane))
    if rows:
        combined = combine(volume, rows, planes)
        mask = ids.to_ids(combined_labels(combined, volume, ids.to_rows(mask), rows))
        volume = combined
    kept = torch.from_numpy(volume) if probabilities else None
    return FrameResult(record.names[index], mask, kept)
