"""`vostool export-overlay`: predicted masks drawn over the frames, as images or as a movie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vostool.core.console import Advance, progress
from vostool.core.errors import UsageError
from vostool.core.output import Output
from vostool.core.types import Video
from vostool.datasets.selection import Selection
from vostool.media.reader import FrameReader
from vostool.predictions.comparison import refuse_unknown
from vostool.predictions.folder import PredictionFolder
from vostool.predictions.mask_fit import read_fitting
from vostool.reporting.movie import CODECS, write_movie
from vostool.reporting.overlay import OverlayStyle, write_jpeg


@dataclass(frozen=True)
class ExportResult:
    """What was written: a folder of `VIDEO/FRAME.jpg`, or a movie."""

    out: Path
    videos: int
    frames: int


def export_overlay(
    predictions: Path,
    selection: Selection,
    output: Output,
    *,
    style: OverlayStyle | None = None,
) -> ExportResult:
    """Draw masks over the frames they belong to.

    Args:
        selection: where the frames are; all predicted videos if it names none.
        output: a folder, or a file ending in .mp4 or .avi: all videos in one movie, in order.

    Raises:
        UsageError: unknown data set, split or video; a style that makes no sense.
        DataError: predictions that do not fit the frames.
        OutputError: `output` exists and is not to be overwritten, or cannot be written.
    """
    style = style or OverlayStyle()
    folder = PredictionFolder(predictions)
    chosen = choose_videos(folder, selection.whole().load(), selection.videos)
    folder.require_finished(selection.videos or None)
    total = sum(len(folder.frames(video.name)) for video in chosen)
    is_movie = output.path.suffix.lower() in CODECS
    inputs = [predictions, *selection.inputs(chosen)]
    with nullcontext() if is_movie else output.owned(inputs):
        out = output.claim_file("movie", inputs) if is_movie else output.claim_folder(inputs)
        with progress("drawing", total, "frames") as bar:
            drawn = _draw_all(folder, chosen, style, bar)
            if is_movie:
                write_movie(out, (image for _, _, image in drawn), style.frames_per_second)
            else:
                for video, frame, image in drawn:
                    write_jpeg(out / video / f"{frame}.jpg", image)
        return ExportResult(out, len(chosen), total)


def choose_videos(
    folder: PredictionFolder, videos: Sequence[Video], names: Sequence[str] | None
) -> list[Video]:
    """The data set's videos that are predicted, in order; those named, if names are given.

    Raises:
        UsageError: a name without predictions.
        DataError: a predicted video or frame that the data set does not have.
    """
    missing = sorted(set(names or ()) - set(folder.videos()))
    if missing:
        raise UsageError(
            f"no predictions of {', '.join(missing)}",
            where=folder.root,
            remedy=f"it has {', '.join(folder.videos()[:10])}",
        )
    refuse_unknown(folder, videos, "the data set", names or ())
    known = {video.name: video for video in videos}
    return [known[name] for name in folder.videos() if not names or name in names]


def _draw_all(
    folder: PredictionFolder, videos: Sequence[Video], style: OverlayStyle, progress: Advance
) -> Iterator[tuple[str, str, np.ndarray]]:
    for video in videos:
        predicted = set(folder.frames(video.name))
        frames = tuple(frame for frame in video.frames if frame.name in predicted)
        # Read in order: a movie cannot be entered anywhere else than at its beginning.
        for frame, image in FrameReader(replace(video, frames=frames, objects=())):
            ids = read_fitting(folder, video, frame.name, image)
            yield video.name, frame.name, style.draw(image, ids)
            progress.advance(note=video.name)
