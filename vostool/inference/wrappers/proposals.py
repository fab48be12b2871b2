"""Give networks object proposals with each frame, from a detector or from files (DMN-AOA).

Proposals are found once per frame, whatever the number of networks, views and passes; each view
and each enlarged window sees them moved along. The manifest's entry of a video says how many there
were.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from vostool.core.options import Options as BaseOptions
from vostool.core.types import ObjectProposals, ProposalSource
from vostool.inference.proposing import Remembering, open_source, require_source
from vostool.inference.run import Context, Files, Request, Results, Run, Wrapped
from vostool.inference.source import FrameSource, WithProposals

NAME = "proposals"
INSIDE_OF_NOTHING = "proposals are of whole frames, which the wrapper outside has cut"
NOT_INSIDE = {"crop-zoom": INSIDE_OF_NOTHING, "small-objects": INSIDE_OF_NOTHING}


class Options(BaseOptions):
    """Where proposals come from."""

    source: str = Field(
        "maskrcnn",
        description="kind of source: maskrcnn, coco; its files come with --model-file",
    )


@dataclass(frozen=True)
class WithDetector(Wrapped):
    """A run whose frames come with proposals."""

    detector: ProposalSource

    def __call__(self, source: FrameSource, request: Request) -> Results:
        """See `Run`."""
        counted = _Counted(Remembering(self.detector))
        yield from self.inside(WithProposals(source, counted), request)
        numbers = counted.numbers.values()
        if numbers:
            request.report.add(
                NAME,
                {"frames": len(numbers), "fewest": min(numbers), "most": max(numbers)},
            )


class _Counted:
    """Notes how many proposals each frame has."""

    def __init__(self, source: ProposalSource):
        self._source = source
        self.numbers: dict[str, int] = {}

    def proposals(self, image, video: str, frame: str) -> ObjectProposals:
        found = self._source.proposals(image, video, frame)
        self.numbers[frame] = len(found)
        return found


def reads(options: Options) -> tuple[str, ...]:
    """The source."""
    return (options.source,)


def require(options: Options, files: Files) -> None:
    """Raise UsageError or DataError if the source's files are missing."""
    require_source(options.source, files.get(options.source, ()))


def wrap(run: Run, options: Options, context: Context) -> WithDetector:
    """See `WithDetector`. Raises as `require`, and what the source raises of its files."""
    files = context.files.get(options.source, ())
    return WithDetector(run, open_source(options.source, files, context.device))
