"""The baseline that every network must beat: each object stays where its mask was given."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vostool.core.console import progress
from vostool.core.output import Output
from vostool.core.types import Video
from vostool.datasets.catalogue import given_mask
from vostool.datasets.selection import Selection
from vostool.predictions.folder import PredictionWriter


def baseline(selection: Selection, output: Output) -> Path:
    """Copy given masks into all later frames; returns the prediction folder.

    Raises:
        DataError: the data set cannot be read.
        OutputError: `output` is not empty and is not to be overwritten.
    """
    videos = selection.load()
    writer = PredictionWriter(output.claim_folder())
    total = sum(len(video.frames) for video in videos)
    with progress("copy", total, "frames") as bar:
        for video in videos:
            _copy(video, writer)
            bar.advance(len(video.frames), video.name)
    return writer.root


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
