"""Segment small objects again, in an enlarged window around them (CAMN, section 2.4).

The areas of the first pass decide which objects are small; no tracker is needed. The manifest's
entry of a video says which objects were segmented again, and in how many frames it was accepted.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from vostool.inference.run import Context, Request, Results, Run, Wrapped
from vostool.inference.small_objects.options import SmallObjectsOptions
from vostool.inference.small_objects.run import run_with_small_objects
from vostool.inference.source import FrameSource

NAME = "small_objects"
NOT_INSIDE = {"crop-zoom": "the windows of crop-then-zoom are enlarged already"}

log = logging.getLogger(__name__)

Options = SmallObjectsOptions


@dataclass(frozen=True)
class SmallObjectsRun(Wrapped):
    """A run whose small objects are segmented a second time, by the run inside."""

    small: SmallObjectsOptions

    def __call__(self, source: FrameSource, request: Request) -> Results:
        """See `run_with_small_objects`."""

        def note(entry: dict[str, Any]) -> None:
            request.report.add(NAME, entry)
            log.debug(
                f"{source.name}: object {entry['object']} segmented again in a window of "
                f"{entry['window'][1]}x{entry['window'][0]} pixels, accepted in "
                f"{entry['accepted_frames']} of {entry['frames']} frames"
            )

        yield from run_with_small_objects(self.inside, source, request, self.small, on_object=note)


def wrap(run: Run, options: SmallObjectsOptions, context: Context) -> SmallObjectsRun:
    """See `SmallObjectsRun`."""
    return SmallObjectsRun(run, options)
