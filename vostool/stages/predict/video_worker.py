"""The videos of one process through the engine, with their results written behind."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

from vostool.core.console import Advance, progress
from vostool.core.errors import OutputError, VostoolError
from vostool.core.types import Video
from vostool.inference.crop_zoom import CropZoomOptions, Verdict, run_with_crop_zoom
from vostool.inference.engine import FrameResult, InferenceOptions, Member, run_video
from vostool.inference.files import VideoSource
from vostool.inference.source import FrameSource, SourceFrame
from vostool.inference.tracker import TrackerFactory
from vostool.inference.writer import WriteBehind
from vostool.predictions.quantise import to_uint8
from vostool.predictions.run import PredictionRun
from vostool.stages.predict.online_finetune import OnlineFinetuning

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CropZoom:
    """Crop-then-zoom, ready to run."""

    options: CropZoomOptions
    make_tracker: TrackerFactory


class VideoWorker:
    """Runs videos one after the other while their results are written.

    Attributes:
        done: names of the videos that were run to their end.
        frames: frames run through in them.
        first_error: of the videos that could not be read.
    """

    def __init__(
        self,
        run: PredictionRun,
        members: list[Member],
        options: InferenceOptions,
        crop_zoom: CropZoom | None = None,
        finetuning: OnlineFinetuning | None = None,
    ):
        self._run, self._members, self._options = run, members, options
        self._crop_zoom, self._finetuning = crop_zoom, finetuning
        self.done: list[str] = []
        self.frames = 0
        self.first_error: VostoolError | None = None

    def run_all(self, videos: Sequence[Video]) -> None:
        """Do all videos; leave out those that cannot be read.

        Raises:
            OutputError: results cannot be written; nothing more is done.
        """
        sources = [VideoSource(video, self._run.planned[video.name].frames) for video in videos]
        total = sum(len(source) for source in sources)
        with progress("infer", total, "frames") as bar, WriteBehind() as writer:
            for video, source in zip(videos, sources, strict=True):
                try:
                    self._run_one(source, writer, bar)
                except OutputError:
                    raise
                except VostoolError as error:
                    log.warning(f"{video.name} is left out: {error}")
                    writer.submit(self._run.fail, video.name, error)
                    self.first_error = self.first_error or error

    def _run_one(self, source: VideoSource, writer: WriteBehind, progress: Advance) -> None:
        start, about = time.monotonic(), dict[str, Any]()
        writer.submit(self._run.begin, source.name)
        with self._tuning(_Counted(source, progress), about, progress) as frames:
            for result in self._results(frames, about):
                self._write(source, result, writer)
        writer.submit(self._run.finish, source.name, time.monotonic() - start, about)
        self.done.append(source.name)
        self.frames += len(source)

    def _write(self, source: VideoSource, result: FrameResult, writer: WriteBehind) -> None:
        files = self._run.writer
        writer.submit(files.write_mask, source.name, result.name, result.mask)
        if result.probabilities is not None:
            planes = to_uint8(result.probabilities)
            writer.submit(files.write_probabilities, source.name, result.name, planes, source.ids)

    def _tuning(
        self, source: FrameSource, about: dict[str, Any], progress: Advance
    ) -> AbstractContextManager[FrameSource]:
        """The source, and networks that are tuned as it is gone through, where that is wanted."""
        if self._finetuning is None:
            return nullcontext(source)
        note = partial(progress.advance, 0)
        return self._finetuning.tuning(source, about, note)

    def _results(self, source: FrameSource, about: dict[str, Any]) -> Iterator[FrameResult]:
        """Results of a video; what is to be said of it is put into `about` meanwhile."""
        if self._crop_zoom is None:
            return run_video(source, self._members, self._options)
        return run_with_crop_zoom(
            source,
            self._members,
            self._options,
            self._crop_zoom.options,
            self._crop_zoom.make_tracker,
            on_verdicts=partial(_note, source.name, about),
        )


def _note(video: str, about: dict[str, Any], verdicts: Sequence[Verdict]) -> None:
    about["crop_zoom"] = [verdict.as_json() for verdict in verdicts]
    for verdict in verdicts:
        log.debug(f"{video}: {verdict.sentence()}")


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
