"""Networks over a video of one's own, and the movie of what they found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vostool.core.errors import UsageError
from vostool.core.output import Output
from vostool.inference.options import InferenceSettings
from vostool.media.movie import frame_rate
from vostool.predictions.manifest import Shard
from vostool.reporting.movie import require_codec
from vostool.reporting.overlay import OverlayStyle
from vostool.stages.predict.infer import InferenceResult, NetworkChoice, infer
from vostool.stages.predict.own_video import OwnVideo
from vostool.stages.score.export_overlay import export_overlay


def infer_own(
    networks: Sequence[Path | NetworkChoice],
    video: OwnVideo,
    output: Output,
    settings: InferenceSettings | None = None,
    movie: Path | None = None,
    recipe: Path | None = None,
) -> InferenceResult:
    """As `infer`, on one video, whose description is then in the folder, for other commands.

    Args:
        movie: file for the frames with the masks drawn over them, at the video's own rate.
        recipe: as for `infer`.

    Raises:
        UsageError: as `infer`; several processes for the one video; a movie's name that says no
            kind of movie.
        OutputError: the movie exists and is not to be written over.
    """
    if Shard.of_environment().world > 1:
        raise UsageError(
            "several processes cannot share one video", remedy="start it without torchrun"
        )
    drawn = None if movie is None else _claimed(movie, video, output)
    result = infer(networks, video, output, settings, recipe)
    described = video.describe()
    if drawn is not None:
        export_overlay(output.path, described, drawn, style=_style(video.footage.source))
    return result


def _claimed(movie: Path, video: OwnVideo, output: Output) -> Output:
    """The movie's file, which can be written: to be known before the network runs."""
    require_codec(movie)
    if movie.resolve().is_relative_to(output.path.resolve()):
        raise UsageError(
            "the movie would lie among the predictions",
            where=movie,
            remedy="choose a place for it outside of --out",
        )
    drawn = Output(movie, overwrite=output.resume or output.overwrite)
    drawn.claim_file("movie", video.inputs(()))
    return drawn


def _style(source: Path) -> OverlayStyle:
    rate = frame_rate(source) if source.is_file() else None
    return OverlayStyle() if rate is None else OverlayStyle(frames_per_second=rate)
