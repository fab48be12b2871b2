"""The layout of MOSE, v1 and v2: split folders with JPEGImages and Annotations, palette masks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from vostool.core.errors import DataError
from vostool.core.listing import some
from vostool.core.types import VOID, ScoredFrames, Video, VideoObject
from vostool.datasets.layout import CHECK, build_videos, first_folder, list_folders, read_json
from vostool.datasets.unlisted import build_unlisted


def load(root: Path, split: str) -> list[Video]:
    """Videos of one split; objects are those of the masks.

    In training splits, where every frame has a mask, they are those of the first mask.

    Raises:
        DataError: folders, frames or masks are missing, or a first mask is empty or unreadable.
    """
    folder = _folder(root, split)
    images = first_folder(
        [folder / "JPEGImages"], "the folder of frames", "unpack the archive again"
    )
    return build_videos(list_folders(images), partial(_build, folder, split))


def load_with_meta(root: Path, split: str) -> list[Video]:
    """As `load`, held against `meta_SPLIT.json` (in the root or the split's folder) if it is there.

    Where the file lists a video's objects, these are scored, from the second to the last frame but
    one, whether or not they are in the first mask. Not verified: whether the published file lists
    objects; the scorer's own does.

    Raises:
        DataError: as `load`; the meta file is malformed, names absent videos or objects, or another
            number of frames.
    """
    videos = load(root, split)
    name = f"meta_{split}.json"
    path = next((p for p in (_folder(root, split) / name, Path(root) / name) if p.is_file()), None)
    if path is None:
        return videos
    value = read_json(path)
    entries = value.get("videos") if isinstance(value, dict) else None
    if not isinstance(entries, dict):
        raise DataError(f'{name} has no table "videos"', where=path, remedy=CHECK)
    absent = sorted(set(entries) - {video.name for video in videos})
    if absent:
        raise DataError(
            f"{name} names videos that have no frames: {some(absent, 3)}",
            where=path,
            remedy="download the data set again, or correct the meta file",
        )
    by_name = {video.name: video for video in videos}
    return build_videos(by_name, lambda video: _hold(by_name[video], entries.get(video), path))


def _folder(root: Path, split: str) -> Path:
    return first_folder(
        [Path(root) / split],
        f"the folder of split {split}",
        f"give the folder that holds {split}/ as --root",
    )


def _build(folder: Path, split: str, name: str) -> Video:
    images, masks = folder / "JPEGImages" / name, folder / "Annotations" / name
    return build_unlisted(name, images, masks, first_mask_only=split.startswith("train"))


def _hold(video: Video, entry: Any, path: Path) -> Video:
    """A video with the objects that its entry lists."""
    if entry is None:
        return video
    if not isinstance(entry, dict):
        raise DataError(f"video {video.name} has no table of its own", where=path, remedy=CHECK)
    length = entry.get("length")
    if length is not None and length != len(video.frames):
        raise DataError(
            f"video {video.name} has {len(video.frames)} frames, but its length is given as "
            f"{length}",
            where=path,
            remedy="download the frames again, or correct the meta file",
        )
    listed = entry.get("objects")
    if listed is None:
        return video
    ids = _ids(listed, video.name, path)
    known = {item.id: item for item in video.objects}
    unknown = sorted(ids - set(known))
    if unknown:
        raise DataError(
            f"object {unknown[0]} of video {video.name} is listed, but no mask that is read shows "
            "it",
            where=path,
            remedy="correct the meta file, or download the annotations again",
        )
    return dataclasses.replace(video, objects=_listed_objects(video, known, sorted(ids)))


def _listed_objects(
    video: Video, known: Mapping[int, VideoObject], ids: list[int]
) -> tuple[VideoObject, ...]:
    first = video.frame_names[0]
    scored = ScoredFrames(video.frame_names[1:-1], max(len(video.frames) - 2, 0))
    return tuple(
        known[number]
        if known[number].first_frame == first
        else dataclasses.replace(known[number], scored=scored)
        for number in ids
    )


def _ids(listed: Any, video: str, path: Path) -> frozenset[int]:
    if not isinstance(listed, list | dict):
        raise DataError(f"the objects of video {video} are no list", where=path, remedy=CHECK)
    texts = [str(item) for item in listed]
    for text in texts:
        if not text.isdecimal() or not 1 <= int(text[:9]) < VOID:
            raise DataError(
                f"object {text} of video {video}: an id must lie in 1..254",
                where=path,
                remedy=CHECK,
            )
    return frozenset(int(text) for text in texts)
