"""All of crop-then-zoom: preliminary pass, verdicts, zoomed passes, combined results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from vostool.core.types import ObjectIds
from vostool.inference.crop_zoom.combine import combine, combined_labels
from vostool.inference.crop_zoom.eligibility import Verdict, judge
from vostool.inference.crop_zoom.options import CropZoomOptions
from vostool.inference.crop_zoom.preliminary import (
    GIVEN,
    MASK,
    PLANES,
    Preliminary,
    run_preliminary,
)
from vostool.inference.crop_zoom.store import ArrayStore
from vostool.inference.crop_zoom.zoomed_pass import ZoomedPass
from vostool.inference.engine import FrameResult
from vostool.inference.run import Request, Run
from vostool.inference.source import FrameSource
from vostool.inference.tracker import TrackerFactory
from vostool.predictions.quantise import from_uint8

OnVerdicts = Callable[[Sequence[Verdict]], None]


def run_with_crop_zoom(
    run: Run,
    source: FrameSource,
    request: Request,
    zoom: CropZoomOptions,
    make_tracker: TrackerFactory,
    *,
    on_verdicts: OnVerdicts | None = None,
    scratch: Path | None = None,
) -> Iterator[FrameResult]:
    """As `run`, with small objects segmented a second time in an enlarged window.

    The first result comes after all passes, since eligibility concerns the whole video. What is
    kept meanwhile lies compressed in a temporary folder, probabilities in steps of 1/255. Without
    an eligible object the masks are those of `run`. Frames in which an object's mask is given
    keep it as it is.

    Args:
        on_verdicts: called with one verdict per object, by id, before the first result.
        scratch: where the temporary folder is made; the system's where None.

    Raises:
        DataError: as `run`.
        OutputError: no space for the temporary folder.
    """
    with ArrayStore(scratch) as store:
        record = run_preliminary(run, source, request, zoom, make_tracker, store)
        if not record.names:
            return
        verdicts, passes = _zoomed(run, source, request, zoom, record, store)
        if on_verdicts is not None:
            on_verdicts(sorted(verdicts, key=lambda verdict: verdict.object_id))
        final = _Final(source.ids, record, store, passes, request.probabilities)
        for index, wanted in enumerate(record.wanted):
            if wanted:
                yield final.result(index)


def _zoomed(
    run: Run,
    source: FrameSource,
    request: Request,
    zoom: CropZoomOptions,
    record: Preliminary,
    store: ArrayStore,
) -> tuple[list[Verdict], dict[int, ZoomedPass]]:
    """Verdicts on all objects; passes of the zoomed ones, the most reliable first."""
    frame = record.least_size
    scale = run.options.sides.factor(frame)
    # Windows are enlarged already to what the networks are to see.
    as_it_is = run.changed(options=run.options.at_own_size())
    verdicts, passes = [], {}
    for trail in sorted(record.trails, key=lambda item: (-item.agreement, item.object_id)):
        verdict = judge(trail, frame, scale, zoom)
        if verdict.eligible:
            zoomed = ZoomedPass(source, record, trail, verdict, zoom, store)
            verdict = zoomed.run(as_it_is, request)
            if verdict.eligible:
                passes[trail.object_id] = zoomed
        verdicts.append(verdict)
    return verdicts, passes


class _Final:
    """Results of the video, from what is stored."""

    def __init__(
        self,
        ids: ObjectIds,
        record: Preliminary,
        store: ArrayStore,
        passes: dict[int, ZoomedPass],
        probabilities: bool,
    ):
        self._ids, self._record, self._store = ids, record, store
        self._passes, self._probabilities = passes, probabilities

    def result(self, index: int) -> FrameResult:
        """The combined result of a frame."""
        mask = self._store.get(MASK, index).copy()
        rows, planes = self._planes(index, mask)
        if not rows and not self._probabilities:
            return FrameResult(self._record.names[index], mask)
        volume = from_uint8(self._store.get(PLANES, index))
        if rows:
            combined = combine(volume, rows, planes)
            labels = combined_labels(combined, volume, self._ids.to_rows(mask), rows)
            mask, volume = self._ids.to_ids(labels), combined
        kept = torch.from_numpy(volume) if self._probabilities else None
        return FrameResult(self._record.names[index], mask, kept)

    def _planes(self, index: int, mask: np.ndarray) -> tuple[list[int], list[np.ndarray]]:
        """Rows and planes `[H, W]` of what is zoomed here; given masks are not touched."""
        given = self._store.get(GIVEN, index) if self._store.has(GIVEN, index) else None
        rows, planes = [], []
        for object_id, run in self._passes.items():
            plane = run.plane(index, mask)
            if plane is None or (given is not None and (given == object_id).any()):
                continue
            rows.append(self._ids.row(object_id))
            planes.append(plane if given is None else np.where(given > 0, 0, plane))
        return rows, planes
