"""`vostool export-overlay`: predicted masks drawn over the frames, as images or as a movie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from vostool.core.console import Advance, progress
from vostool.core.errors import DataError, UsageError
from vostool.core.files import atomic_path
from vostool.core.output import Output
from vostool.core.types import Video
from vostool.datasets.selection import Selection
from vostool.media.images import read_frame
from vostool.predictions.comparison import refuse_unknown
from vostool.predictions.folder import PredictionFolder
from vostool.reporting.movie import CODECS, write_movie
from vostool.reporting.overlay import ALPHA, contour_width, draw_overlay

JPEG_QUALITY = 92


@dataclass(frozen=True)
class OverlayStyle:
    """How masks are drawn.

    Attributes:
        alpha: share of an object's colour inside its mask, 0 to 1.
        contour: width of the contours in pixels; None goes by the frame's size, 0 for none.
        frames_per_second: of a movie.
    """

    alpha: float = ALPHA
    contour: int | None = None
    frames_per_second: float = 10.0

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise UsageError(f"--alpha {self.alpha} makes no sense", remedy="choose 0 to 1")
        if self.contour is not None and not 0 <= self.contour <= 50:
            raise UsageError(f"--contour {self.contour} makes no sense", remedy="choose 0 to 50")
        if not 0 < self.frames_per_second <= 240:
            raise UsageError(
                f"--fps {self.frames_per_second} makes no sense", remedy="choose a rate up to 240"
            )

    def draw(self, image: np.ndarray, ids: np.ndarray) -> np.ndarray:
        """The overlay, uint8 RGB `[H, W, 3]`."""
        contour = contour_width(image) if self.contour is None else self.contour
        return draw_overlay(image, ids, self.alpha, contour)


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
    total = sum(len(folder.frames(video.name)) for video in chosen)
    is_movie = output.path.suffix.lower() in CODECS
    inputs = [predictions, *selection.inputs(chosen)]
    out = output.claim_file("movie") if is_movie else output.claim_folder(inputs)
    with progress("drawing", total, "frame") as bar:
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


def read_predicted(
    folder: PredictionFolder, video: Video, frame_name: str
) -> tuple[np.ndarray, np.ndarray]:
    """Frame uint8 RGB `[H, W, 3]` and its predicted ids uint8 `[H, W]`.

    Raises:
        DataError: one of them cannot be read, or their sizes differ.
    """
    image = read_frame(video.frames[video.index(frame_name)])
    ids = folder.mask(video.name, frame_name)
    if ids.shape != image.shape[:2]:
        raise DataError(
            f"the mask is {ids.shape[0]}x{ids.shape[1]}, but the frame is "
            f"{image.shape[0]}x{image.shape[1]}",
            where=folder.mask_path(video.name, frame_name),
            remedy="predictions must have the size of the original frames",
        )
    return image, ids


def write_jpeg(target: Path, image: np.ndarray) -> None:
    """Write a uint8 RGB image atomically."""
    with atomic_path(target) as temporary:
        encoded = cv2.imencode(
            ".jpg",
            cv2.cvtColor(image, cv2.COLOR_RGB2BGR),
            [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY],
        )[1]
        temporary.write_bytes(encoded.tobytes())


def _draw_all(
    folder: PredictionFolder, videos: Sequence[Video], style: OverlayStyle, progress: Advance
) -> Iterator[tuple[str, str, np.ndarray]]:
    for video in videos:
        for frame in sorted(folder.frames(video.name), key=video.index):
            yield video.name, frame, style.draw(*read_predicted(folder, video, frame))
            progress.advance(note=video.name)
