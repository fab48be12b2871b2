"""The layout of YouTube-VOS: JPEGImages, Annotations and a meta.json that lists the objects."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from vostool.core.errors import DataError
from vostool.core.listing import some
from vostool.core.types import VOID, Frame, Video, VideoObject
from vostool.datasets.layout import (
    CHECK,
    MASK_SUFFIXES,
    build_videos,
    first_folder,
    list_files,
    read_json,
    safe_name,
)
from vostool.datasets.servers import dead_codalab
from vostool.datasets.spec import ScoringRule, SubmissionProfile, VideoDatasetSpec

SPLITS = ("train", "valid", "test")
ALL_FRAMES = "_all_frames"
COMPETITIONS = {2018: "7685", 2019: "6066"}
"""Numbers of the servers on CodaLab."""
SPARSE_STEP = 5
"""Raw frames between two annotated ones: 30 fps video, annotated at 6 fps."""


def youtube_vos_spec(year: int) -> VideoDatasetSpec:
    """The SPEC of one edition; the editions differ in their files, not in their rules."""
    all_frames = tuple(f"{split}{ALL_FRAMES}" for split in SPLITS)
    server = SubmissionProfile(
        prefix="Annotations/",
        note="the frames of meta.json (6 fps) are submitted, also if all 30 fps were segmented",
        server=dead_codalab(COMPETITIONS[year], f"YouTube-VOS {year}"),
    )
    return VideoDatasetSpec(
        name=f"youtubevos{year}",
        title=f"YouTube-VOS {year}, objects may appear late",
        splits=(*SPLITS, *all_frames),
        load=load,
        ground_truth_splits=("train", f"train{ALL_FRAMES}"),
        scoring=ScoringRule("youtube-vos", skip_first=True, skip_last=False),
        submissions={
            name + suffix: server for name in ("valid", "test") for suffix in ("", ALL_FRAMES)
        },
        where=f"youtube-vos.org, '{year} version' (registration needed)",
        index=index,
        unseen=unseen_categories,
        holdout=150,
    )


def load(root: Path, split: str) -> list[Video]:
    """Videos of one split; masks are not decoded.

    `NAME_all_frames` takes its frames from the folder of that name (also below `all_frames/`) and
    objects, masks and output frames from the split NAME.

    Raises:
        DataError: files are missing; meta.json is malformed or names absent videos or frames.
    """
    base = split.removesuffix(ALL_FRAMES)
    folder = _split_folder(root, base)
    images, step = folder / "JPEGImages", SPARSE_STEP
    if split != base:
        siblings = (folder.parent / split, folder.parent / "all_frames" / split)
        images, step = _all_frames_folder(siblings, split) / "JPEGImages", 1
    if not images.is_dir():
        raise DataError("the folder of frames is missing", where=images, remedy=CHECK)
    meta = folder / "meta.json"
    entries = read_meta(meta)
    build = partial(_build, entries, images, folder / "Annotations", meta, step)
    return build_videos(entries, build)


def _split_folder(root: Path, split: str) -> Path:
    root = Path(root)
    candidates = [root / split]
    if root.name == split:
        candidates.append(root)
    return first_folder(
        candidates,
        f"the folder of split {split}",
        f"give the folder that holds {split}/ as --root",
    )


def _all_frames_folder(candidates: tuple[Path, ...], split: str) -> Path:
    return first_folder(
        candidates,
        "the folder of all 30 fps frames",
        f"download {split}, or use --split {split.removesuffix(ALL_FRAMES)} for the 6 fps frames",
    )


def read_meta(path: Path) -> dict[str, dict[str, Any]]:
    """The objects of each video, `{video: {object id: {"category", "frames"}}}`.

    Raises:
        DataError: missing, not JSON, or not of that form.
    """
    value = read_json(path)
    videos = value.get("videos") if isinstance(value, dict) else None
    if not isinstance(videos, dict):
        raise DataError('meta.json has no table "videos"', where=path, remedy=CHECK)
    entries = {}
    for name, entry in videos.items():
        objects = entry.get("objects") if isinstance(entry, dict) else None
        if not isinstance(objects, dict):
            raise DataError(f'video {name} has no table "objects"', where=path, remedy=CHECK)
        entries[safe_name(name, path)] = objects
    return entries


def _build(
    entries: dict[str, dict[str, Any]],
    images: Path,
    annotations: Path,
    meta: Path,
    step: int,
    name: str,
) -> Video:
    stems = list_files(images / name)
    if not stems:
        raise DataError(
            f"meta.json names video {name}, which has no frames",
            where=images / name,
            remedy="download the data set again, or remove the video from meta.json",
        )
    masks = list_files(annotations / name, MASK_SUFFIXES)
    position = {stem: index for index, stem in enumerate(stems)}
    objects = tuple(
        sorted(
            (read_object(text, item, name, position, meta) for text, item in entries[name].items()),
            key=lambda found: found.id,
        )
    )
    for item in objects:
        if item.first_frame not in masks:
            raise DataError(
                f"object {item.id} of video {name} starts in frame {item.first_frame}, "
                "which has no mask",
                where=annotations / name,
                remedy="download the annotations again, or correct meta.json",
            )
    listed = {frame for item in objects for frame in item.frames}
    frames = tuple(Frame(stem, path, masks.get(stem)) for stem, path in stems.items())
    output = tuple(stem for stem in stems if stem in listed)
    return Video(name, frames, objects, output, frame_step=step)


def read_object(
    text: str, item: Any, video: str, position: dict[str, int], meta: Path
) -> VideoObject:
    """One object of meta.json.

    Args:
        position: of each frame that the video has, in time.

    Raises:
        DataError: the id is not in 1..254, no frame is listed, a listed frame is absent.
    """
    where = f"object {text} of video {video}"
    if not text.isdecimal() or len(text) > 3 or not 1 <= int(text) < VOID:
        raise DataError(f"{where}: an id must lie in 1..254", where=meta, remedy=CHECK)
    listed = item.get("frames") if isinstance(item, dict) else None
    if not isinstance(listed, list) or not all(isinstance(frame, str) for frame in listed):
        raise DataError(f'{where} has no list "frames"', where=meta, remedy=CHECK)
    if not listed:
        raise DataError(f"{where} is in no frame", where=meta, remedy="remove it from meta.json")
    absent = [frame for frame in listed if frame not in position]
    if absent:
        raise DataError(
            f"{where} is listed in frames that the video does not have: {some(absent, 3)}",
            where=meta,
            remedy="download the frames again, or correct meta.json",
        )
    frames = tuple(sorted(set(listed), key=position.__getitem__))
    category = item.get("category")
    if category is not None and not isinstance(category, str):
        raise DataError(f"{where}: the category must be text", where=meta, remedy=CHECK)
    return VideoObject(int(text), frames[0], category, frames)


def index(root: Path, split: str) -> dict[str, frozenset[str]]:
    """Categories of each video, from meta.json alone.

    Raises:
        DataError: meta.json is missing or malformed.
    """
    folder = _split_folder(root, split.removesuffix(ALL_FRAMES))
    entries = read_meta(folder / "meta.json")
    return {name: categories_of(objects) for name, objects in entries.items()}


def categories_of(objects: dict[str, Any]) -> frozenset[str]:
    """Categories of the objects of one video; null is left out."""
    found = (item.get("category") for item in objects.values() if isinstance(item, dict))
    return frozenset(category for category in found if isinstance(category, str))


def unseen_categories(root: Path) -> frozenset[str]:
    """Categories of valid and test that train's meta.json does not have.

    Empty where train's meta.json is not there to compare with, or where the others give no
    categories, as the published valid and test do not.
    """
    known = {split: _categories_of_split(root, split) for split in SPLITS}
    if not known["train"]:
        return frozenset()
    return (known["valid"] | known["test"]) - known["train"]


def _categories_of_split(root: Path, split: str) -> frozenset[str]:
    if not (Path(root) / split / "meta.json").is_file():
        return frozenset()
    return frozenset().union(*index(root, split).values())
