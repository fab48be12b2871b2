"""Masks as run-length codes in one JSON file, in the layout of YouTube-VIS.

`{"videos": [{"id", "file_names": ["VIDEO/FRAME.jpg", ...]}], "annotations": [{"video_id",
"segmentations": [code or null, ...]}]}`; or, as result files are, the list of annotations alone,
with the names of the videos as `video_id` and frames by index. `object_id` of an annotation says
its id; without it, the objects of a video count from 1 in the order of the file.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from vostool.core.errors import DataError
from vostool.core.reading import read_json
from vostool.core.typed import parse_as
from vostool.media.rle import decode_coco, encode_runs
from vostool.predictions.folder import PredictionFolder
from vostool.predictions.foreign.layouts import ForeignFrame

REMEDY = "write it as YouTube-VIS does: videos with file_names, annotations with segmentations"


class _Video(BaseModel):
    id: int | str
    file_names: list[str] = Field(min_length=1)


class _Annotation(BaseModel):
    video_id: int | str
    segmentations: list[dict[str, Any] | None]
    object_id: int | None = Field(None, ge=1, lt=255)


class _Document(BaseModel):
    videos: list[_Video] = Field(default_factory=list)
    annotations: list[_Annotation]


def rle_videos(path: Path) -> dict[str, dict[str, ForeignFrame]]:
    """Frames of all videos by name.

    Raises:
        DataError: not such a file; an annotation of another number of frames than its video.
    """
    value = read_json(path, remedy=REMEDY)
    value = {"annotations": value} if isinstance(value, list) else value
    document = parse_as(_Document, value, path, remedy=REMEDY)
    named = {video.id: video.file_names for video in document.videos}
    of_video: dict[int | str, list[_Annotation]] = {}
    for item in document.annotations:
        of_video.setdefault(item.video_id, []).append(item)
    return {
        _video_name(video, named): _frames(path, items, named.get(video))
        for video, items in of_video.items()
    }


def _video_name(video: int | str, named: dict[int | str, list[str]]) -> str:
    parents = PurePosixPath(named[video][0]).parts[:-1] if video in named else ()
    return parents[-1] if parents else str(video)


def _frames(
    path: Path, items: list[_Annotation], names: list[str] | None
) -> dict[str, ForeignFrame]:
    count = len(names or items[0].segmentations)
    if any(len(item.segmentations) != count for item in items):
        raise DataError(
            f"an annotation of video {items[0].video_id} has not {count} segmentations, one per "
            "frame",
            where=path,
            remedy="write null where the object is not seen",
        )
    frames = [PurePosixPath(name).stem for name in names or map(str, range(count))]
    numbers = tuple(item.object_id or place for place, item in enumerate(items, start=1))
    return {
        frame: ForeignFrame(path / frame, read=_reader(path, items, time), numbers=numbers)
        for time, frame in enumerate(frames)
    }


def _reader(path: Path, items: list[_Annotation], time: int) -> Callable[[], np.ndarray]:
    def read() -> np.ndarray:
        found = [code for item in items for code in item.segmentations if code is not None]
        try:
            size = tuple(int(side) for side in found[0]["size"]) if found else (1, 1)
            codes = [item.segmentations[time] for item in items]
            masks = [np.zeros(size, bool) if code is None else decode_coco(code) for code in codes]
            return np.stack(masks)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError("run-length codes that cannot be read", where=path) from error

    return read


def rle_document(folder: PredictionFolder) -> dict[str, Any]:
    """The masks of a prediction folder in this layout."""
    videos: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, name in enumerate(folder.videos(), start=1):
        frames = folder.frames(name)
        height, width = folder.size(name, frames[0])
        files = [f"{name}/{frame}.jpg" for frame in frames]
        about = {"id": number, "height": height, "width": width, "length": len(frames)}
        videos.append({**about, "file_names": files})
        codes: dict[int, list[dict[str, Any] | None]] = {}
        for time, frame in enumerate(frames):
            for value, mask in frame_objects(folder, name, frame).items():
                code = encode_runs(mask)
                text = {"size": list(code.size), "counts": code.counts.decode("ascii")}
                codes.setdefault(value, [None] * len(frames))[time] = text
        annotations += [
            {"id": len(annotations) + place, "video_id": number, "object_id": value}
            | {"category_id": 1, "iscrowd": 0, "segmentations": codes[value]}
            for place, value in enumerate(sorted(codes), start=1)
        ]
    categories = [{"id": 1, "name": "object"}]
    return {"videos": videos, "categories": categories, "annotations": annotations}


def frame_objects(folder: PredictionFolder, video: str, frame: str) -> dict[int, np.ndarray]:
    """Bool `[H, W]` of each object that a frame shows, by id."""
    if folder.is_layered(video):
        return {i: mask for i, mask in folder.layers(video, frame).items() if mask.any()}
    ids = folder.mask(video, frame)
    return {int(value): ids == value for value in np.unique(ids) if value}
