"""A zip archive with a mask per object, `VIDEO/OBJECT/FRAME.png`, as SA-V's scorer reads them.

Masks are 0 where the object is not and one other value where it is. Predictions with one label per
pixel are taken apart; they cannot overlap.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from vostool.core.console import progress
from vostool.core.errors import DataError
from vostool.core.threads import ordered_map
from vostool.media.layers import unflatten
from vostool.media.masks import encode_mask
from vostool.predictions.folder import PredictionFolder, PredictionWriter
from vostool.submission.expected import Expectation, ExpectedVideo
from vostool.submission.mask_archive import entry, wanted_masks
from vostool.submission.mask_check import REPACK, UNREADABLE, opened, usable_entries
from vostool.submission.mask_file import (
    MODES,
    MaskProblem,
    check_header,
    decode,
    largest_file,
    read_ids,
)
from vostool.submission.problems import Problems

SINGLE_CHANNEL = ("palette", "grey")
Packed = list[tuple[str, bytes, str | None]]
"""(name, bytes, problem) of the masks of one frame."""


class Layers:
    """One folder per object."""

    suffix = ".zip"

    def write(
        self,
        predictions: PredictionFolder,
        expected: Expectation,
        archive: Path,
        problems: Problems,
    ) -> int:
        jobs = wanted_masks(predictions, expected)
        converted = 0
        with (
            zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as handle,
            progress("packing", len(jobs), "frames") as bar,
        ):
            found = ordered_map(lambda job: _pack(predictions, expected, *job), jobs)
            for (video, _), masks in zip(jobs, found, strict=True):
                bar.advance()
                converted += not predictions.is_layered(video.name)
                for name, data, problem in masks:
                    if problem:
                        problems.add(name, problem)
                    elif not problems:
                        handle.writestr(entry(name), data)
        return converted

    def check(self, archive: Path, expected: Expectation, problems: Problems) -> None:
        with opened(archive, problems) as handle:
            if handle is None:
                return
            entries = usable_entries(handle, problems)
            for video, number, _, name in _wanted(expected):
                item = entries.pop(name, None)
                if item is None:
                    problems.add(name, "this mask is missing")
                    continue
                problem = _judge(handle, item, video.size, number)
                if problem:
                    problems.add(name, problem)
            for name in entries:
                if not name.endswith("/"):
                    problems.add(name, _extra(name, expected))

    def unpack(self, archive: Path, expected: Expectation, writer: PredictionWriter) -> None:
        with zipfile.ZipFile(archive) as handle:
            for video, number, frame, name in _wanted(expected):
                mask = decode(handle.read(name), video.size) != 0
                writer.write_layers(video.name, frame, {number: mask})


def _wanted(expected: Expectation) -> Iterator[tuple[ExpectedVideo, int, str, str]]:
    """(video, object, frame, name in the archive) of all masks."""
    for video in expected.videos.values():
        for number in video.starts:
            for frame in video.frames:
                yield video, number, frame, _name(expected, video, number, frame)


def _name(expected: Expectation, video: ExpectedVideo, number: int, frame: str) -> str:
    return f"{expected.profile.prefix}{video.name}/{video.labels[number]}/{frame}.png"


def _pack(
    predictions: PredictionFolder, expected: Expectation, video: ExpectedVideo, frame: str
) -> Packed:
    path = predictions.mask_path(video.name, frame)
    ids = tuple(video.starts)
    try:
        if predictions.is_layered(video.name):
            masks = predictions.layers(video.name, frame)
        else:
            masks = unflatten(read_ids(path, video, frame), ids)
    except MaskProblem as problem:
        return [(str(path), b"", str(problem))]
    except DataError as error:
        return [(str(path), b"", error.what)]
    return [_packed(expected, video, number, frame, masks.get(number)) for number in ids] + [
        (str(predictions.layer_path(video.name, number, frame)), b"", "is of an unknown object")
        for number in sorted(set(masks) - set(ids))
    ]


def _packed(
    expected: Expectation,
    video: ExpectedVideo,
    number: int,
    frame: str,
    mask: np.ndarray | None,
) -> tuple[str, bytes, str | None]:
    name = _name(expected, video, number, frame)
    if mask is None:
        return name, b"", f"object {video.labels[number]} has no mask in frame {frame}"
    if mask.shape != video.size:
        return name, b"", f"is {mask.shape[0]} x {mask.shape[1]} pixels, not {video.size}"
    return name, encode_mask(mask.astype(np.uint8)), None


def _judge(
    handle: zipfile.ZipFile, item: zipfile.ZipInfo, size: tuple[int, int], number: int
) -> str | None:
    """What is wrong with a mask of one object."""
    if item.flag_bits & 0x1:
        return f"is encrypted; {REPACK}"
    bound = largest_file(size)
    try:
        with handle.open(item) as source:
            data = source.read(bound + 1)
        colour = check_header(data, size, palette=False)
        if MODES.get(colour) not in SINGLE_CHANNEL or len(data) > bound:
            return "is not a palette or grey PNG with one channel"
        values = np.unique(decode(data, size))
    except MaskProblem as problem:
        return str(problem)
    except UNREADABLE as error:
        return f"is damaged inside the archive ({error}); copy or make it again"
    if np.count_nonzero(values) > 1:
        return f"has {len(values)} values, but object {number - 1:03d} alone belongs here"
    return None


def _extra(name: str, expected: Expectation) -> str:
    parts = PurePosixPath(name).parts
    video = next((v for part in parts if (v := expected.videos.get(part)) is not None), None)
    if video is None:
        return f"is extra: {expected.title} has no video there"
    if parts[0] != video.name and not expected.profile.prefix:
        return f"lies in a folder of its own; VIDEO/OBJECT/FRAME.png is at the root; {REPACK}"
    return f"is extra: video {video.name} has no such object or frame; {REPACK}"


FORMAT = Layers()
