"""Predictions into the archive that a server takes: verified, written, checked."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from vostool.core.errors import DataError, UsageError
from vostool.core.files import atomic_path
from vostool.core.listing import some
from vostool.core.output import Output
from vostool.datasets.spec import Server
from vostool.predictions.comparison import Difference, ExpectedFrames, Found, compare
from vostool.predictions.folder import PredictionFolder
from vostool.submission.check import check_archive
from vostool.submission.expected import Expectation
from vostool.submission.format import load_format
from vostool.submission.problems import Problems, SubmissionError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PackageReport:
    """What was packed.

    Attributes:
        archive: the finished file.
        title: data set and split.
        videos, frames: how many are in it.
        bytes: its size.
        converted: masks that were not palette PNGs and were re-encoded without change of ids.
        left_out: predicted frames that the server does not take.
        note: what the user should know about this server.
        server: where it goes and whether that lives; None for what is scored locally.
    """

    archive: Path
    title: str
    videos: int
    frames: int
    bytes: int
    converted: int
    left_out: int
    note: str
    server: Server | None


def package(
    predictions: PredictionFolder,
    expected: Expectation,
    output: Output,
) -> PackageReport:
    """Verify predictions, write the archive and check it; the output appears only if all is well.

    Raises:
        UsageError: the output does not end as the archive's kind does.
        OutputError: it exists and is not to be overwritten, or cannot be written.
        DataError: a run has not finished the predictions; the server would reject this split
            whatever the masks.
        SubmissionError: predictions are not what the server takes; lists the problems.
    """
    predictions.require_finished(expected.videos)
    form = load_format(expected.profile.format)
    out = _claim(output, form.suffix)
    _check_single_top_level(expected)
    problems = Problems()
    left_out = _check_names(predictions, expected, problems)
    with atomic_path(out) as temporary:
        converted = form.write(predictions, expected, temporary, problems)
        if problems:
            raise SubmissionError(
                f"the predictions do not fit {expected.title}",
                predictions.root,
                problems.lines(),
                "nothing was written; correct these:",
            )
        report = check_archive(temporary, expected)
        if not report.ok:
            raise SubmissionError(
                "the archive does not pass its own check",
                predictions.root,
                report.problems,
                "nothing was written; please report this:",
            )
    if left_out:
        log.info(f"{left_out} predicted frames that the server does not take are left out")
    return PackageReport(
        out,
        expected.title,
        len(expected.videos),
        expected.frame_count,
        out.stat().st_size,
        converted,
        left_out,
        expected.profile.note,
        expected.profile.server,
    )


def _claim(output: Output, suffix: str) -> Path:
    if output.path.suffix.lower() != suffix:
        raise UsageError(f"the archive's name must end in {suffix}, not {output.path.name!r}")
    return output.claim_file("archive")


def _check_single_top_level(expected: Expectation) -> None:
    if expected.profile.reject_single_top_level and len(expected.videos) == 1:
        raise DataError(
            f"{expected.title} has only the video {next(iter(expected.videos))} here, and the "
            "server rejects archives with exactly one top-level entry",
            remedy="use the full data set",
        )


def _check_names(predictions: PredictionFolder, expected: Expectation, problems: Problems) -> int:
    """Compare videos and frames by name; returns how many real frames are not to be submitted."""
    wanted = {
        name: ExpectedFrames(video.frames, video.other_frames)
        for name, video in expected.videos.items()
    }
    for found in compare(predictions, wanted):
        problems.add(f"video {found.video}", _sentence(found, expected.title))
    return sum(
        len(set(predictions.frames(video.name)) & video.other_frames)
        for video in expected.videos.values()
        if video.name in predictions.videos()
    )


def _sentence(found: Found, title: str) -> str:
    match found.difference:
        case Difference.UNKNOWN_VIDEO:
            return f"is extra: {title} has no such video; remove its folder"
        case Difference.MISSING_VIDEO:
            return "is missing from the predictions"
        case Difference.MISSING_FRAMES:
            return f"lacks the frames {some(found.frames, 3)}"
        case Difference.UNKNOWN_FRAMES:
            return (
                f"has the extra frames {some(found.frames, 3)}, which this split does not have; "
                "remove them, or name the split that has them"
            )
