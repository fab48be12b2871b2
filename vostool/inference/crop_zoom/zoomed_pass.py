"""The zoomed pass of one object: segment its window, map back, reject what cannot be right."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from vostool.core.types import ObjectIds
from vostool.inference.crop_zoom.eligibility import Rule, Verdict
from vostool.inference.crop_zoom.options import CropZoomOptions
from vostool.inference.crop_zoom.preliminary import GIVEN, MASK, Preliminary
from vostool.inference.crop_zoom.store import ArrayStore
from vostool.inference.crop_zoom.trail import Sight, Trail
from vostool.inference.crop_zoom.window import Anchor, Zoom, anchors, windows
from vostool.inference.crop_zoom.zoomed_source import ZoomedSource, crop, neighbours
from vostool.inference.run import Request, Run
from vostool.inference.source import FrameSource
from vostool.media.boxes import Box, without_specks
from vostool.media.geometry import resize_image
from vostool.predictions.quantise import from_uint8, to_uint8


class ZoomedPass:
    """One object's pass; its planes are stored quantised, at the window's own size.

    Args:
        verdict: an eligible one.
    """

    def __init__(
        self,
        source: FrameSource,
        record: Preliminary,
        trail: Trail,
        verdict: Verdict,
        zoom: CropZoomOptions,
        store: ArrayStore,
    ):
        if verdict.zoom is None:
            raise ValueError(f"object {verdict.object_id} has no window")
        self._trail, self._options, self._store = trail, zoom, store
        self._record, self._verdict, self._zoom = record, verdict, verdict.zoom
        self._anchors = anchors(trail, zoom)
        self._departed = trail.departed() if zoom.empty_when_left else [False] * len(trail.sights)
        self._corners = windows(
            [anchor.box for anchor in self._anchors],
            record.sizes[trail.first :],
            self._zoom.window,
            zoom.smoothing,
        )
        given = self._given()
        found = {value for mask in given.values() for value in np.unique(mask).tolist()} - {0}
        self.source = ZoomedSource(
            source, ObjectIds.of(found), trail.first, self._corners, self._zoom, given
        )

    @property
    def _kind(self) -> str:
        return f"zoom{self._trail.object_id}"

    def _given(self) -> dict[int, np.ndarray]:
        """Masks to start from: in the first frame all that is visible, later new neighbours."""
        given = {}
        first, own = self._trail.first, self._trail.object_id
        for index in range(first, len(self._record.names)):
            if not self._store.has(GIVEN, index):
                continue
            mask = self._store.get(MASK if index == first else GIVEN, index)
            part = crop(mask, self._corners[index - first], self._zoom.window)
            kept = neighbours(part, own, self._options.visible_pixels)
            kept += [own] if index == first else []
            if kept:
                given[index] = np.where(np.isin(mask, kept), mask, 0).astype(np.uint8)
        return given

    def run(self, run: Run, request: Request) -> Verdict:
        """Run all frames; return the verdict with what the pass adds to it."""
        wanted = dataclasses.replace(request, probabilities=True)
        row = self.source.ids.row(self._trail.object_id)
        overlaps, kept = [], 0
        for step, result in enumerate(run(self.source, wanted)):
            if step == 0:
                continue
            assert result.probabilities is not None
            index, sight = self._trail.first + step, self._trail.sights[step - 1]
            plane = resize_image(result.probabilities[row][None], self._zoom.window)[0]
            preliminary = self._store.get(MASK, index) == self._trail.object_id
            if self._rejects(step, sight, plane, preliminary):
                kept += 1
                continue
            if sight.agrees:
                overlaps.append(self._overlap(step, plane, preliminary))
            if self._record.wanted[index]:
                self._store.put(self._kind, index, to_uint8(plane))
        overlap = float(np.mean(overlaps)) if overlaps else 0.0
        rule = Rule.ELIGIBLE if overlap >= self._options.least_overlap else Rule.ZOOM_DISAGREES
        return dataclasses.replace(self._verdict, rule=rule, overlap=overlap, kept_frames=kept)

    def _rejects(
        self, step: int, sight: Sight, plane: torch.Tensor, preliminary: np.ndarray
    ) -> bool:
        """Whether a frame keeps its preliminary result: lost objects must not become blank."""
        anchor, corner = self._anchors[step], self._corners[step]
        if anchor.trusted and not _reaches(corner, self._zoom, anchor):
            return True
        if sight.seen is None:
            # What the window shows of an object that has left is something else.
            return self._departed[step - 1]
        whole = without_specks(preliminary, self._options.speck_share)
        inside = np.count_nonzero(crop(whole, corner, self._zoom.window))
        if inside < self._options.least_coverage * np.count_nonzero(whole):
            return True
        return int((plane > 0.5).sum()) < self._options.visible_pixels

    def _overlap(self, step: int, plane: torch.Tensor, preliminary: np.ndarray) -> float:
        """IoU of the zoomed and the preliminary mask in the whole frame."""
        zoomed = (plane > 0.5).cpu().numpy()
        inside = crop(preliminary, self._corners[step], self._zoom.window)
        common = np.count_nonzero(zoomed & inside)
        union = np.count_nonzero(zoomed) + np.count_nonzero(preliminary) - common
        return common / union if union else 1.0

    def plane(self, index: int, preliminary: np.ndarray) -> np.ndarray | None:
        """Zoomed probability float32 `[H, W]` in a frame, 0 outside the window.

        Objects that this pass was never shown keep their preliminary pixels: it cannot tell them
        from its own. None where the preliminary result of the whole frame stays.

        Args:
            preliminary: uint8 `[H, W]`, the frame's mask of the preliminary pass.
        """
        if not self._store.has(self._kind, index):
            return None
        result = np.zeros(self._record.sizes[index], np.float32)
        corner = self._corners[index - self._trail.first]
        crop(result, corner, self._zoom.window)[...] = from_uint8(
            self._store.get(self._kind, index)
        )
        result[~np.isin(preliminary, (0, *self.source.ids.values))] = 0
        return result


def _reaches(corner: tuple[int, int], zoom: Zoom, anchor: Anchor) -> bool:
    """Whether the window contains the box that it follows."""
    (top, left), (height, width) = corner, zoom.window
    return Box(left, top, width, height).contains(anchor.box)
