"""LVOS (Hong et al., arXiv 2211.10181): long videos; objects may appear late and come back."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

from vostool.core.errors import DataError
from vostool.core.types import Frame, Video, VideoObject
from vostool.datasets.layout import (
    CHECK,
    MASK_SUFFIXES,
    build_videos,
    first_folder,
    list_files,
    list_folders,
)
from vostool.datasets.spec import ScoringRule, SubmissionProfile, VideoDatasetSpec
from vostool.datasets.unlisted import build_unlisted
from vostool.datasets.youtube_vos import categories_of, read_meta, read_object

OUTPUT_STEP = 5
"""Submitted are the frames in steps of 5 over each object's range."""

LABELLED = ("train", "valid")


def _load(root: Path, split: str) -> list[Video]:
    """Objects come from `meta.json` or `SPLIT_meta.json`, or, without these, from the masks."""
    folder = _folder(root, split)
    images = first_folder(
        [folder / "JPEGImages"], "the folder of frames", "unpack the archive again"
    )
    meta = _meta_file(root, split)
    if meta is None:
        first_mask_only = split in LABELLED
        build = partial(_from_masks, folder, first_mask_only)
        return build_videos(list_folders(images), build)
    entries = read_meta(meta)
    return build_videos(entries, partial(_from_meta, folder, meta, entries))


def _folder(root: Path, split: str) -> Path:
    return first_folder(
        [Path(root) / split],
        f"the folder of split {split}",
        f"give the folder that holds {split}/ as --root",
    )


def _meta_file(root: Path, split: str) -> Path | None:
    folder, name = _folder(root, split), f"{split}_meta.json"
    candidates = (folder / "meta.json", folder / name, Path(root) / name)
    return next((path for path in candidates if path.is_file()), None)


def _from_masks(folder: Path, first_mask_only: bool, name: str) -> Video:
    images, masks = folder / "JPEGImages" / name, folder / "Annotations" / name
    video = build_unlisted(name, images, masks, first_mask_only=first_mask_only)
    last = video.frame_names[-1]
    ranges = [(item.first_frame, last) for item in video.objects]
    return _finish(video, ranges)


def _from_meta(folder: Path, meta: Path, entries: dict[str, dict[str, Any]], name: str) -> Video:
    stems = list_files(folder / "JPEGImages" / name)
    if not stems:
        raise DataError(
            f"{meta.name} names video {name}, which has no frames",
            where=folder / "JPEGImages" / name,
            remedy=CHECK,
        )
    masks = list_files(folder / "Annotations" / name, MASK_SUFFIXES)
    position = {stem: index for index, stem in enumerate(stems)}
    objects, ranges = [], []
    for text, item in entries[name].items():
        found = read_object(text, _with_frames(item), name, position, meta)
        ranges.append((found.frames[0], found.frames[-1]))
        objects.append(VideoObject(found.id, found.first_frame, found.category))
    frames = tuple(Frame(stem, path, masks.get(stem)) for stem, path in stems.items())
    ordered = tuple(sorted(objects, key=lambda found: found.id))
    return _finish(Video(name, frames, ordered, tuple(stems)), ranges)


def _with_frames(item: Any) -> Any:
    """Write an object's `frame_range` {start, end} as the list `frames` of YouTube-VOS."""
    limits = item.get("frame_range") if isinstance(item, dict) else None
    if not isinstance(limits, dict) or "frames" in item:
        return item
    # One range, or several numbered ones.
    parts = [limits] if "start" in limits else list(limits.values())
    frames = [
        str(part[key])
        for part in parts
        if isinstance(part, dict)
        for key in ("start", "end")
        if key in part
    ]
    return {**item, "frames": frames}


def _finish(video: Video, ranges: list[tuple[str, str]]) -> Video:
    """Set output frames and frame step, which follow from the numbers in the frames' names."""
    numbers = [_number(name, position) for position, name in enumerate(video.frame_names)]
    wanted = set()
    for first, last in ranges:
        start, end = numbers[video.index(first)], numbers[video.index(last)]
        wanted |= {n for n in numbers if start <= n <= end and (n - start) % OUTPUT_STEP == 0}
    output = tuple(name for name, n in zip(video.frame_names, numbers, strict=True) if n in wanted)
    step = numbers[1] - numbers[0] if len(numbers) > 1 else 1
    return Video(
        video.name, video.frames, video.objects, output, video.encoding, frame_step=max(step, 1)
    )


def _number(name: str, position: int) -> int:
    digits = re.search(r"(\d+)$", name)
    return int(digits.group(1)) if digits else position


def _index(root: Path, split: str) -> dict[str, frozenset[str]]:
    meta = _meta_file(root, split)
    if meta is None:
        names = list_folders(_folder(root, split) / "JPEGImages")
        return {name: frozenset() for name in names}
    return {name: categories_of(objects) for name, objects in read_meta(meta).items()}


SPEC = VideoDatasetSpec(
    name="lvos",
    title="LVOS, long videos",
    splits=(*LABELLED, "test"),
    load=_load,
    ground_truth_splits=LABELLED,
    scoring=ScoringRule("davis", skip_first=True, skip_last=True),
    submissions={
        "test": SubmissionProfile(
            prefix="Annotations/", note="frames in steps of 5 over each object's range"
        )
    },
    where="the LVOS project page (lingyihongfd.github.io/lvos.github.io)",
    index=_index,
)
