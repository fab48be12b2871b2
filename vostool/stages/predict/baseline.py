"""The baseline that every network must beat: each object stays where its mask was given."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from vostool.core.console import progress
from vostool.core.output import Output
from vostool.core.types import Video
from vostool.datasets.catalogue import given_mask
from vostool.datasets.selection import Selection
from vostool.predictions.folder import PredictionWriter
from vostool.predictions.origin import recorded_root
from vostool.predictions.run import Planned, PredictionRun


def baseline(selection: Selection, output: Output) -> Path:
    """Copy given masks into all later frames; returns the prediction folder.

    Raises:
        UsageError: `output` overlaps the data set.
        DataError: the data set cannot be read.
        OutputError: `output` is not empty and is not to be overwritten.
    """
    videos = {video.name: video for video in selection.load()}
    inputs = selection.inputs(videos.values())
    with output.owned(inputs):
        run = PredictionRun(
            output,
            {
                "command": "baseline",
                "parents": [],
                **selection.record,
                "root": recorded_root(selection.root, output.path),
            },
            {**selection.record},
            {name: Planned(video.output_frames, video.ids) for name, video in videos.items()},
            inputs=inputs,
        )
        total = sum(len(videos[name].frames) for name in run.todo)
        with progress("copy", total, "frames") as bar:
            for name in run.todo:
                start = time.monotonic()
                _copy(videos[name], run.writer)
                run.finish(name, time.monotonic() - start)
                bar.advance(len(videos[name].frames), name)
    return run.root


def _copy(video: Video, writer: PredictionWriter) -> None:
    given_in = {item.first_frame for item in video.objects}
    carried: np.ndarray | None = None
    for frame in video.frames:
        if carried is None or frame.name in given_in:
            given = given_mask(video, frame)
            if carried is None or carried.shape != given.shape:
                carried = given
            else:
                carried = np.where(given > 0, given, carried)
        if frame.name in video.output_frames:
            writer.write_mask(video.name, frame.name, carried)
