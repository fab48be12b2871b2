"""Writing predictions into the archive that a server takes.

The archive's bytes depend on nothing but the masks: entries are sorted, stored without compression
(PNG is compressed already), and carry a fixed date and fixed permissions.
"""

from __future__ import annotations

import logging
import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from vostool.core.console import progress
from vostool.core.errors import DataError, UsageError
from vostool.core.files import atomic_path
from vostool.core.listing import some
from vostool.core.output import Output
from vostool.core.threads import ordered_map
from vostool.media.masks import encode_mask
from vostool.predictions.comparison import Difference, ExpectedFrames, Found, compare
from vostool.predictions.folder import PredictionFolder
from vostool.submission.check import check_archive
from vostool.submission.expected import Expectation, ExpectedVideo
from vostool.submission.mask_file import MaskProblem, read_prediction
from vostool.submission.problems import Problems, SubmissionError

log = logging.getLogger(__name__)

FIXED_DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest that zip can express."""
UNIX = 3
PERMISSIONS = 0o100644


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
    """

    archive: Path
    title: str
    videos: int
    frames: int
    bytes: int
    converted: int
    left_out: int
    note: str


def package(
    predictions: PredictionFolder,
    expected: Expectation,
    output: Output,
) -> PackageReport:
    """Verify predictions, write the archive and check it; the output appears only if all is well.

    Raises:
        UsageError: the output does not end in .zip.
        OutputError: it exists and is not to be overwritten, or cannot be written.
        DataError: the server would reject this split whatever the masks.
        SubmissionError: predictions are not what the server takes; lists the problems.
    """
    out = _claim(output)
    _check_single_top_level(expected)
    problems = Problems()
    left_out = _check_names(predictions, expected, problems)
    with atomic_path(out) as temporary:
        converted = _write(predictions, expected, temporary, problems)
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
    )


def _claim(output: Output) -> Path:
    if output.path.suffix.lower() != ".zip":
        raise UsageError(f"the archive's name must end in .zip, not {output.path.name!r}")
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


_Job = tuple[ExpectedVideo, str]
_Packed = tuple[str, bytes, bool, str | None]


def _write(
    predictions: PredictionFolder,
    expected: Expectation,
    archive: Path,
    problems: Problems,
) -> int:
    """Write all masks that are there; returns how many had to be converted."""
    jobs: list[_Job] = [
        (video, frame)
        for video in expected.videos.values()
        if video.name in predictions.videos()
        for frame in sorted(set(video.frames) & set(predictions.frames(video.name)))
    ]
    converted = 0
    pack = partial(_pack, predictions, expected)
    with (
        zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as handle,
        progress("packing", len(jobs), "frames") as bar,
    ):
        for name, data, was_converted, problem in ordered_map(pack, jobs):
            bar.advance()
            converted += was_converted
            if problem:
                problems.add(name, problem)
            elif not problems:
                handle.writestr(_entry(name), data)
    return converted


def _pack(predictions: PredictionFolder, expected: Expectation, job: _Job) -> _Packed:
    video, frame = job
    path = predictions.mask_path(video.name, frame)
    try:
        data, ids = read_prediction(path, video, frame)
    except MaskProblem as problem:
        return str(path), b"", False, str(problem)
    name = expected.path(video.name, frame)
    if ids is None:
        return name, data, False, None
    return name, encode_mask(np.ascontiguousarray(ids)), True, None


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, FIXED_DATE)
    entry.create_system = UNIX
    entry.external_attr = PERMISSIONS << 16
    entry.compress_type = zipfile.ZIP_STORED
    return entry
