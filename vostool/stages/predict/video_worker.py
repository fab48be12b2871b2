"""The videos of one process through the engine, with their results written behind."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial

from vostool.core.console import Advance, progress
from vostool.core.errors import OutputError, VostoolError
from vostool.core.types import Video
from vostool.inference.engine import FrameResult
from vostool.inference.files import VideoSource
from vostool.inference.memory_error import within_memory
from vostool.inference.run import Report, Request, Run
from vostool.inference.source import SourceFrame
from vostool.inference.writer import WriteBehind
from vostool.predictions.quantise import to_uint8
from vostool.predictions.run import PredictionRun

log = logging.getLogger(__name__)


class VideoWorker:
    """Runs videos one after the other while their results are written.

    Attributes:
        done: names of the videos that were run to their end.
        frames: frames run through in them.
        first_error: of the videos that were left out.
    """

    def __init__(self, prediction: PredictionRun, run: Run):
        self._prediction, self._run = prediction, run
        self.done: list[str] = []
        self.frames = 0
        self.first_error: VostoolError | None = None

    def run_all(self, videos: Sequence[Video]) -> None:
        """Do all videos; leave out those that cannot be read, or need more memory than there is.

        Raises:
            OutputError: results cannot be written; nothing more is done.
        """
        sources = [
            VideoSource(video, self._prediction.planned[video.name].frames) for video in videos
        ]
        total = sum(len(source) for source in sources)
        with progress("infer", total, "frames") as bar, WriteBehind() as writer:
            for video, source in zip(videos, sources, strict=True):
                try:
                    self._run_one(source, writer, bar)
                except OutputError:
                    raise
                except VostoolError as error:
                    log.warning(f"{video.name} is left out: {error}")
                    writer.submit(self._prediction.fail, video.name, error)
                    self.first_error = self.first_error or error

    def _run_one(self, source: VideoSource, writer: WriteBehind, bar: Advance) -> None:
        start, report = time.monotonic(), Report(partial(bar.advance, 0))
        writer.submit(self._prediction.begin, source.name)
        request = Request(self._prediction.probabilities, report)
        # Wrappers put back what they changed, also where results cannot be written.
        where = f"video {source.name} with {len(source.ids)} objects"
        results = within_memory(self._run(_Counted(source, bar), request), where)
        with closing(results):
            for result in results:
                self._write(source, result, writer)
        seconds = time.monotonic() - start
        writer.submit(self._prediction.finish, source.name, seconds, report.entries)
        self.done.append(source.name)
        self.frames += len(source)

    def _write(self, source: VideoSource, result: FrameResult, writer: WriteBehind) -> None:
        files = self._prediction.writer
        writer.submit(files.write_mask, source.name, result.name, result.mask)
        if result.probabilities is not None:
            planes = to_uint8(result.probabilities)
            writer.submit(files.write_probabilities, source.name, result.name, planes, source.ids)


class _Counted:
    """A source that reports each frame when the engine comes back for the next one.

    Only the first pass counts; how many others crop-then-zoom needs is not known before.
    """

    def __init__(self, source: VideoSource, progress: Advance):
        self._source, self._progress = source, progress
        self.name, self.ids = source.name, source.ids
        self._counting = True

    def __len__(self) -> int:
        return len(self._source)

    def __iter__(self) -> Iterator[SourceFrame]:
        counting, self._counting = self._counting, False
        for frame in self._source:
            yield frame
            if counting:
                self._progress.advance(1, self.name)
