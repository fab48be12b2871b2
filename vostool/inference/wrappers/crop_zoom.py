"""Segment small objects again, in an enlarged window that follows them (FAMNet, section 2.2).

The manifest's entry of a video has a verdict per object: whether it was zoomed, and which rule said
so.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from vostool.inference.crop_zoom.eligibility import Verdict
from vostool.inference.crop_zoom.options import CropZoomOptions
from vostool.inference.crop_zoom.run import run_with_crop_zoom
from vostool.inference.run import Context, Files, Request, Results, Run, Wrapped
from vostool.inference.source import FrameSource
from vostool.inference.tracker import TrackerFactory, make_tracker

NAME = "crop_zoom"

log = logging.getLogger(__name__)

Options = CropZoomOptions


@dataclass(frozen=True)
class CropZoomRun(Wrapped):
    """A run whose small objects are segmented a second time, by the run inside."""

    zoom: CropZoomOptions
    make_tracker: TrackerFactory

    def __call__(self, source: FrameSource, request: Request) -> Results:
        """See `run_with_crop_zoom`."""

        def note(verdicts: Sequence[Verdict]) -> None:
            for verdict in verdicts:
                request.report.add(NAME, verdict.as_json())
                log.debug(f"{source.name}: {verdict.sentence()}")

        yield from run_with_crop_zoom(
            self.inside, source, request, self.zoom, self.make_tracker, on_verdicts=note
        )


def reads(options: CropZoomOptions) -> tuple[str, ...]:
    """The tracker."""
    return (options.tracker,)


def require(options: CropZoomOptions, files: Files) -> TrackerFactory:
    """Get the tracker ready.

    Raises:
        UsageError, DataError: its model files are missing, too many or not what they should be.
    """
    return make_tracker(options.tracker, files.get(options.tracker, ()))


def wrap(run: Run, options: CropZoomOptions, context: Context) -> CropZoomRun:
    """See `CropZoomRun`. Raises as `require`."""
    return CropZoomRun(run, options, require(options, context.files))
