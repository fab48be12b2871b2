"""BURST's result file: the annotations' JSON with predicted run-length codes in place of the true.

Source: ANNOTATION_FORMAT of BURST-benchmark c143198. Empty masks are left out: the scorer takes a
code without pixels, or null, for a mask that is there and wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from vostool.core.console import progress
from vostool.core.errors import DataError
from vostool.core.reading import read_json
from vostool.core.threads import ordered_map
from vostool.core.types import EncodedMask
from vostool.media.layers import unflatten
from vostool.media.rle import decode_runs, encode_runs, encoded_area
from vostool.predictions.folder import PredictionFolder, PredictionWriter
from vostool.submission.expected import Expectation, ExpectedVideo
from vostool.submission.mask_archive import wanted_masks
from vostool.submission.mask_file import MaskProblem, read_ids
from vostool.submission.problems import Problems

COPIED = (
    "width",
    "height",
    "id",
    "seq_name",
    "dataset",
    "fps",
    "all_image_paths",
    "annotated_image_paths",
    "neg_category_ids",
    "not_exhaustive_category_ids",
    "track_category_ids",
)
"""What a sequence of the result repeats of the annotations."""
REPACK = "make the file with vostool package-submission"

Codes = dict[str, dict[str, str]]
"""Run-length code per frame and track of a video."""


class BurstJson:
    """One JSON file."""

    suffix = ".json"

    def write(
        self,
        predictions: PredictionFolder,
        expected: Expectation,
        archive: Path,
        problems: Problems,
    ) -> int:
        codes: dict[str, Codes] = {name: {} for name in expected.videos}
        jobs = wanted_masks(predictions, expected)
        with progress("packing", len(jobs), "frames") as bar:
            found = ordered_map(lambda job: _encode(predictions, *job), jobs)
            for (video, frame), masks in zip(jobs, found, strict=True):
                bar.advance()
                if isinstance(masks, str):
                    problems.add(str(predictions.mask_path(video.name, frame)), masks)
                else:
                    codes[video.name][frame] = masks
        listing = _listing(expected)
        sequences = [
            {key: item[key] for key in COPIED if key in item}
            | {"segmentations": _segmentations(item, codes[name])}
            for name, item in _named(listing["sequences"])
            if name in codes
        ]
        value = {
            "sequences": sequences,
            "categories": listing["categories"],
            "split": listing.get("split"),
        }
        archive.write_text(json.dumps(value), encoding="utf-8")
        return 0

    def check(self, archive: Path, expected: Expectation, problems: Problems) -> None:
        value = _read(archive, problems)
        if value is None:
            return
        by_id = {item["id"]: name for name, item in _named(_listing(expected)["sequences"])}
        seen = set()
        for number, item in enumerate(value):
            identifier = item.get("id") if isinstance(item, dict) else None
            name = by_id.get(identifier) if isinstance(identifier, int) else None
            if name is None or name not in expected.videos:
                problems.add(f"sequence {number}", "has an id that this split does not have")
            elif name in seen:
                problems.add(name, "is there twice")
            else:
                seen.add(name)
                _check_sequence(item, expected.videos[name], problems)
        for name in expected.videos:
            if name not in seen:
                problems.add(name, f"is missing; {REPACK}")

    def unpack(self, archive: Path, expected: Expectation, writer: PredictionWriter) -> None:
        by_id = {item["id"]: name for name, item in _named(_listing(expected)["sequences"])}
        for item in read_json(archive)["sequences"]:
            video = expected.videos[by_id[item["id"]]]
            ids = {label: number for number, label in video.labels.items()}
            for image, masks in zip(
                item["annotated_image_paths"], item["segmentations"], strict=True
            ):
                frame = PurePosixPath(image).stem
                if frame not in video.allowed:
                    continue
                layers = {number: np.zeros(video.size, bool) for number in video.labels}
                for track, mask in masks.items():
                    code = EncodedMask(video.size, mask["rle"].encode())
                    layers[ids[track]] = decode_runs(code)
                writer.write_layers(video.name, frame, layers)


def _encode(
    predictions: PredictionFolder, video: ExpectedVideo, frame: str
) -> dict[str, str] | str:
    """Codes by track of the objects that have pixels, or what is wrong."""
    try:
        if predictions.is_layered(video.name):
            layers = predictions.layers(video.name, frame)
        else:
            ids = read_ids(predictions.mask_path(video.name, frame), video, frame)
            layers = unflatten(ids, tuple(video.labels))
    except MaskProblem as problem:
        return str(problem)
    except DataError as error:
        return error.what
    unknown = sorted(set(layers) - set(video.labels))
    if unknown:
        return f"has the object {unknown[0]}, which video {video.name} does not have"
    for number, mask in layers.items():
        if mask.shape != video.size:
            return f"object {number} is {mask.shape[0]} x {mask.shape[1]}, not {video.size}"
    return {
        video.labels[number]: encode_runs(mask).counts.decode()
        for number, mask in layers.items()
        if mask.any()
    }


def _segmentations(item: dict[str, Any], codes: Codes) -> list[dict[str, Any]]:
    stems = [PurePosixPath(image).stem for image in item["annotated_image_paths"]]
    return [{track: {"rle": code} for track, code in codes.get(stem, {}).items()} for stem in stems]


def _listing(expected: Expectation) -> dict[str, Any]:
    """The annotations' own JSON, which was read before without fault."""
    (path,) = {video.listing for video in expected.videos.values()}
    assert path is not None
    value: dict[str, Any] = read_json(path)
    return value


def _named(sequences: list[Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for item in sequences:
        yield f"{item['dataset']}-{item['seq_name']}".replace("/", "-"), item


def _read(archive: Path, problems: Problems) -> list[Any] | None:
    try:
        value = read_json(archive)
    except DataError as error:
        problems.add(archive.name, f"cannot be read ({error.what})")
        return None
    sequences = value.get("sequences") if isinstance(value, dict) else None
    if not isinstance(sequences, list):
        problems.add(archive.name, 'has no list "sequences"')
        return None
    return sequences


def _check_sequence(item: dict[str, Any], video: ExpectedVideo, problems: Problems) -> None:
    images, frames = item.get("annotated_image_paths"), item.get("segmentations")
    if not isinstance(images, list) or not isinstance(frames, list) or len(images) != len(frames):
        problems.add(video.name, "its annotated_image_paths and segmentations differ in length")
        return
    stems = [PurePosixPath(str(image)).stem for image in images]
    for frame in video.frames:
        if frame not in stems:
            problems.add(f"{video.name}/{frame}", "this frame is missing")
    known = set(video.labels.values())
    for stem, masks in zip(stems, frames, strict=True):
        place = f"{video.name}/{stem}"
        if not isinstance(masks, dict):
            problems.add(place, "is no table of tracks")
            continue
        for track, mask in masks.items():
            problem = (
                _judge(mask, video.size)
                if track in known
                else f"is unknown (tracks of this video: {', '.join(sorted(known))})"
            )
            if problem:
                problems.add(f"{place}, track {track}", problem)


def _judge(mask: Any, size: tuple[int, int]) -> str | None:
    """What is wrong with the mask of a track."""
    code = mask.get("rle") if isinstance(mask, dict) else None
    if not isinstance(code, str):
        return "has no run-length code; leave out what has no pixels"
    try:
        area = encoded_area(EncodedMask(size, code.encode("ascii", "replace")))
    except ValueError as error:
        return f"has a run-length code that does not fit: {error}"
    return None if area else "is empty and counts as a wrong mask; leave it out"


FORMAT = BurstJson()
