"""VISOR's result file: polygons of all objects in one `val.json` at the root of a zip archive.

Source: C6-SemiVOS 6020ec9. Polygons are OpenCV's contours of each mask, those around holes among
them, so that holes fill up when the scorer draws them.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vostool.core.console import progress
from vostool.core.threads import ordered_map
from vostool.predictions.folder import PredictionFolder, PredictionWriter
from vostool.submission.expected import Expectation, ExpectedVideo
from vostool.submission.mask_archive import entry, wanted_masks
from vostool.submission.mask_check import UNREADABLE, opened, usable_entries
from vostool.submission.mask_file import MaskProblem, read_ids
from vostool.submission.problems import Problems

NAME = "val.json"
MOST_BYTES = 1 << 30
"""Of the JSON file, once unpacked."""
INFO = {
    "Dataset Name": "VISOR",
    "Challenge": "semi_supervised_vos",
    "Version": "0.1",
    "Resolution": "854x480",
}
Frames = dict[str, dict[str, list[Any]]]
"""Annotation lists by subsequence and frame."""


class VisorJson:
    """One JSON file with the polygons of every frame."""

    suffix = ".zip"

    def write(
        self,
        predictions: PredictionFolder,
        expected: Expectation,
        archive: Path,
        problems: Problems,
    ) -> int:
        jobs = wanted_masks(predictions, expected)
        frames = []
        with progress("packing", len(jobs), "frames") as bar:
            for found in ordered_map(lambda job: _frame(predictions, *job), jobs):
                bar.advance()
                if isinstance(found, tuple):
                    problems.add(*found)
                else:
                    frames.append(found)
        with zipfile.ZipFile(archive, "w") as handle:
            item = entry(NAME)
            item.compress_type = zipfile.ZIP_DEFLATED
            text = json.dumps({"info": INFO, "video_annotations": frames})
            handle.writestr(item, text.encode())
        return 0

    def check(self, archive: Path, expected: Expectation, problems: Problems) -> None:
        with opened(archive, problems) as handle:
            value = _read(handle, problems) if handle is not None else None
        if value is None:
            return
        found = _frames(value, expected, problems)
        for video in expected.videos.values():
            there = found.get(video.name, {})
            # The frame in which masks are given may be left out.
            for frame in video.frames[1:]:
                if frame not in there:
                    problems.add(f"{video.name}/{frame}", "this frame is missing")

    def unpack(self, archive: Path, expected: Expectation, writer: PredictionWriter) -> None:
        """Polygons are filled one by one in the order of the file; so holes fill up, too."""
        with zipfile.ZipFile(archive) as handle:
            value = json.loads(handle.read(NAME))["video_annotations"]
        for name, frames in _frames(value, expected, Problems()).items():
            video = expected.videos[name]
            ids = {label: number for number, label in video.labels.items()}
            for frame, items in frames.items():
                mask = np.zeros(video.size, np.uint8)
                for item in items:
                    for points in item["segments"]:
                        cv2.fillPoly(mask, [np.array(points, np.int32)], ids[item["name"]])
                writer.write_mask(name, frame, mask)


def _frame(
    predictions: PredictionFolder, video: ExpectedVideo, frame: str
) -> dict[str, Any] | tuple[str, str]:
    path = predictions.mask_path(video.name, frame)
    try:
        ids = read_ids(path, video, frame)
    except MaskProblem as problem:
        return str(path), str(problem)
    annotations = [
        {"name": video.labels[value], "segments": polygons(ids == value)}
        for value in np.unique(ids).tolist()
        if value
    ]
    recording = "_".join(video.name.split("_")[:2])
    image = {
        "image_path": f"{recording}/{frame}.png",
        "name": f"{frame}.png",
        "subsequence": video.name,
        "video": recording,
    }
    return {"image": image, "annotations": annotations}


def polygons(mask: np.ndarray) -> list[list[list[int]]]:
    """Contours of a bool mask `[H, W]`, each a list of (x, y)."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    return [np.asarray(contour, np.int64).reshape(-1, 2).tolist() for contour in contours]


def _read(handle: zipfile.ZipFile, problems: Problems) -> list[Any] | None:
    """The list of frames, or None after noting why there is none."""
    entries = usable_entries(handle, problems)
    nested = [name for name in entries if name.endswith(f"/{NAME}")]
    if NAME not in entries:
        where = f"; it lies at {nested[0]}, move it to the root" if nested else ""
        problems.add(NAME, f"is missing at the root of the archive{where}")
        return None
    for name in sorted(set(entries) - {NAME}):
        problems.add(name, f"is an extra file; the archive holds {NAME} alone")
    if entries[NAME].file_size > MOST_BYTES:
        problems.add(NAME, "is larger than any honest result file")
        return None
    try:
        with handle.open(entries[NAME]) as source:
            value = json.loads(source.read(MOST_BYTES + 1))
    except (*UNREADABLE, RecursionError) as error:
        problems.add(NAME, f"is not valid JSON ({error})")
        return None
    frames = value.get("video_annotations") if isinstance(value, dict) else None
    if not isinstance(frames, list):
        problems.add(NAME, 'has no list "video_annotations"')
        return None
    return frames


def _frames(value: list[Any], expected: Expectation, problems: Problems) -> Frames:
    """Annotation lists by subsequence and frame; unknown and malformed ones are problems."""
    found: Frames = {}
    for number, item in enumerate(value):
        image = item.get("image") if isinstance(item, dict) else None
        sequence = image.get("subsequence") if isinstance(image, dict) else None
        name = image.get("name") if isinstance(image, dict) else None
        if not isinstance(sequence, str) or not isinstance(name, str):
            problems.add(f"{NAME}, entry {number}", "names no subsequence and image")
            continue
        video, frame = expected.videos.get(sequence), Path(name).stem
        place = f"{sequence}/{frame}"
        if video is None:
            problems.add(place, f"is extra: {expected.title} has no such video")
        elif frame not in video.allowed:
            problems.add(place, f"is extra: video {sequence} has no such frame")
        elif frame in found.setdefault(sequence, {}):
            problems.add(place, "is there twice")
        else:
            annotations = item.get("annotations")
            _check_annotations(annotations, video, place, problems)
            found[sequence][frame] = annotations
    return found


def _check_annotations(value: Any, video: ExpectedVideo, place: str, problems: Problems) -> None:
    if not isinstance(value, list):
        problems.add(place, 'has no list "annotations"')
        return
    known = set(video.labels.values())
    for item in value:
        name = item.get("name") if isinstance(item, dict) else None
        if not isinstance(name, str) or name not in known:
            problems.add(place, f"has the object {name!r}, which video {video.name} does not have")
        elif not _inside(item.get("segments"), video.size):
            problems.add(
                place,
                f"object {name!r}: segments must be lists of (x, y) within "
                f"{video.size[1]} x {video.size[0]} pixels",
            )


def _inside(segments: Any, size: tuple[int, int]) -> bool:
    """Whether polygons are lists of points inside an image of (height, width)."""
    height, width = size
    try:
        points = [point for segment in segments for point in segment]
        return all(0 <= x < width and 0 <= y < height for x, y in points)
    except (TypeError, ValueError):
        return False


FORMAT = VisorJson()
