"""Segment small objects again, in an enlarged window that follows them (FAMNet, section 2.2).

The manifest's entry of a video has a verdict per object: whether it was zoomed, and which rule said
so.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vostool.inference.crop_zoom.eligibility import Verdict
from vostool.inference.crop_zoom.options import CropZoomOptions
from vostool.inference.crop_zoom.run import run_with_crop_zoom
from vostool.inference.engine import Member
from vostool.inference.propagation_options import PropagationOptions
from vostool.inference.run import Context, Files, Request, Results, Run
from vostool.inference.source import FrameSource
from vostool.inference.tracker import TrackerFactory, make_tracker

NAME = "crop_zoom"

log = logging.getLogger(__name__)

Options = CropZoomOptions


@dataclass(frozen=True)
class CropZoomRun:
    """A run whose small objects are segmented a second time, by the run inside."""

    inside: Run
    zoom: CropZoomOptions
    make_tracker: TrackerFactory

    @property
    def members(self) -> Sequence[Member]:
        """See `Run.members`."""
        return self.inside.members

    @property
    def options(self) -> PropagationOptions:
        """See `Run.options`."""
        return self.inside.options

    def __call__(self, source: FrameSource, request: Request) -> Results:
        """See `run_with_crop_zoom`."""

        def note(verdicts: Sequence[Verdict]) -> None:
            for verdict in verdicts:
                request.report.add(NAME, verdict.as_json())
                log.debug(f"{source.name}: {verdict.sentence()}")

        yield from run_with_crop_zoom(
            self.inside, source, request, self.zoom, self.make_tracker, on_verdicts=note
        )

    def changed(
        self,
        *,
        members: Sequence[Member] | None = None,
        options: PropagationOptions | None = None,
    ) -> CropZoomRun:
        """See `Run.changed`."""
        return replace(self, inside=self.inside.changed(members=members, options=options))


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
