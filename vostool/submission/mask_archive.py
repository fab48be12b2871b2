"""Writing masks into a zip archive whose bytes depend on nothing but the masks.

Entries are sorted, stored without compression (PNG is compressed already), and carry a fixed date
and fixed permissions.
"""

from __future__ import annotations

import zipfile
from functools import partial
from pathlib import Path

import numpy as np

from vostool.core.console import progress
from vostool.core.threads import ordered_map
from vostool.media.masks import encode_mask
from vostool.predictions.folder import PredictionFolder, PredictionWriter
from vostool.submission.expected import Expectation, ExpectedVideo
from vostool.submission.mask_file import MaskProblem, decode, read_prediction
from vostool.submission.problems import Problems

FIXED_DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest that zip can express."""
UNIX = 3
PERMISSIONS = 0o100644

_Job = tuple[ExpectedVideo, str]
_Packed = tuple[str, bytes, bool, str | None]


def wanted_masks(predictions: PredictionFolder, expected: Expectation) -> list[_Job]:
    """The masks that are there and wanted, as (video, frame), sorted by name."""
    there = {name: frozenset(predictions.frames(name)) for name in predictions.videos()}
    return [
        (video, frame)
        for video in expected.videos.values()
        for frame in sorted(there.get(video.name, frozenset()) & set(video.frames))
    ]


def write_mask_archive(
    predictions: PredictionFolder, expected: Expectation, archive: Path, problems: Problems
) -> int:
    """Write all masks that are there; returns how many had to be converted."""
    jobs = wanted_masks(predictions, expected)
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
                handle.writestr(entry(name), data)
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


def entry(name: str) -> zipfile.ZipInfo:
    """An entry of a zip archive that depends on nothing but its name."""
    entry = zipfile.ZipInfo(name, FIXED_DATE)
    entry.create_system = UNIX
    entry.external_attr = PERMISSIONS << 16
    entry.compress_type = zipfile.ZIP_STORED
    return entry


def unpack_mask_archive(archive: Path, expected: Expectation, writer: PredictionWriter) -> None:
    """Take the masks out of an archive that passes its check."""
    with zipfile.ZipFile(archive) as handle:
        for video in expected.videos.values():
            for frame in video.frames:
                ids = decode(handle.read(expected.path(video.name, frame)), video.size)
                writer.write_mask(video.name, frame, ids)
