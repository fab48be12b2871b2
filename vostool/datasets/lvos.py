"""The layout of LVOS: long videos, objects may appear late and come back; what its meta says.

Frames are numbered from 1 in steps of 5 (`00000001.jpg`, `00000006.jpg`, ...). The meta file, which
is downloaded apart, gives each object the range in which it is scored. Source: lvos-evaluation and
the README of LVOS; no published meta file was opened, so how the numbers in it are written is not
verified (numbers and texts are both understood).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from vostool.core.errors import DataError
from vostool.core.reading import read_text
from vostool.core.types import VOID, Frame, ScoredFrames, Video, VideoObject
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
from vostool.datasets.youtube_vos import categories_of, read_meta

STEP = 5
"""Scored and submitted are the frames in steps of 5 over each object's range."""

SPELLINGS = {"valid": ("valid", "val"), "val": ("val", "valid")}
"""The README says val, other tools say valid; folders of either name are found."""

UNSEEN_LIST = "unseen_videos.txt"


def lvos_spec(
    name: str,
    title: str,
    unseen: frozenset[str],
    submissions: dict[str, SubmissionProfile],
) -> VideoDatasetSpec:
    """The SPEC of one edition.

    Args:
        unseen: validation videos of categories that training does not have; a file
            `unseen_videos.txt` in the root folder takes its place.
        submissions: of the splits that a server takes or took.
    """
    return VideoDatasetSpec(
        name=name,
        title=title,
        splits=("train", "valid", "val", "test"),
        load=load,
        ground_truth_splits=("train", "valid", "val"),
        scoring=ScoringRule("lvos", skip_first=True, skip_last=True),
        submissions=submissions,
        where="the LVOS project page (lingyihongfd.github.io/lvos.github.io); the scorer's meta "
        "files come apart from the frames",
        index=index,
        unseen_videos=partial(unseen_videos, published=unseen),
    )


def load(root: Path, split: str) -> list[Video]:
    """Videos of one split.

    Objects and the frames in which they are scored come from `SPLIT_meta.json` or `meta.json`;
    without these, from the masks, and then the first and last frames of the video are not scored.

    Raises:
        DataError: files are missing; the meta file is malformed or names absent videos, objects or
            frames.
    """
    folder = _folder(root, split)
    images = first_folder(
        [folder / "JPEGImages"], "the folder of frames", "unpack the archive again"
    )
    meta = _meta_file(root, split)
    if meta is None:
        build = partial(_from_masks, folder, split != "test")
        return build_videos(list_folders(images), build)
    entries = read_meta(meta)
    return build_videos(entries, partial(_from_meta, folder, meta, entries))


def unseen_videos(root: Path, published: frozenset[str]) -> frozenset[str]:
    """The list in the root folder, one name a line; without a file, the published one."""
    path = Path(root) / UNSEEN_LIST
    return frozenset(read_text(path).split()) if path.is_file() else published


def index(root: Path, split: str) -> dict[str, frozenset[str]]:
    """Categories of each video, from the meta file alone; none without it."""
    meta = _meta_file(root, split)
    if meta is None:
        names = list_folders(_folder(root, split) / "JPEGImages")
        return {name: frozenset() for name in names}
    return {name: categories_of(objects) for name, objects in read_meta(meta).items()}


def _folder(root: Path, split: str) -> Path:
    return first_folder(
        [Path(root) / name for name in SPELLINGS.get(split, (split,))],
        f"the folder of split {split}",
        f"give the folder that holds {split}/ as --root",
    )


def _meta_file(root: Path, split: str) -> Path | None:
    folder = _folder(root, split)
    names = [f"{spelling}_meta.json" for spelling in SPELLINGS.get(split, (split,))]
    candidates = [place / name for name in names for place in (folder, Path(root))]
    return next((path for path in [*candidates, folder / "meta.json"] if path.is_file()), None)


def _from_masks(folder: Path, first_mask_only: bool, name: str) -> Video:
    images, masks = folder / "JPEGImages" / name, folder / "Annotations" / name
    video = build_unlisted(name, images, masks, first_mask_only=first_mask_only)
    numbers = _numbers(video.frame_names)
    last = max(numbers, default=0)
    starts = [_number(item.first_frame, 0) for item in video.objects]
    return _finish(video, numbers, [range(start, last + 1, STEP) for start in starts])


def _from_meta(folder: Path, meta: Path, entries: dict[str, dict[str, Any]], name: str) -> Video:
    stems = list_files(folder / "JPEGImages" / name)
    if not stems:
        raise DataError(
            f"{meta.name} names video {name}, which has no frames",
            where=folder / "JPEGImages" / name,
            remedy=CHECK,
        )
    masks = list_files(folder / "Annotations" / name, MASK_SUFFIXES)
    numbers = _numbers(tuple(stems))
    objects, ranges = [], []
    for text, item in entries[name].items():
        scored_range = _Range.of(text, item, name, meta)
        objects.append(scored_range.object(item, numbers))
        ranges.append(range(scored_range.start, scored_range.end + 1, STEP))
    frames = tuple(Frame(stem, path, masks.get(stem)) for stem, path in stems.items())
    ordered = tuple(sorted(objects, key=lambda found: found.id))
    return _finish(Video(name, frames, ordered, tuple(stems)), numbers, ranges)


@dataclasses.dataclass(frozen=True)
class _Range:
    """An object's `frame_range`: `start`, `end` (not scored itself) and `frame_nums`.

    `id` and `where` say which object it is, `meta` in which file.
    """

    id: int
    where: str
    meta: Path
    start: int
    end: int
    count: int

    @classmethod
    def of(cls, text: str, item: Any, video: str, meta: Path) -> _Range:
        where = f"object {text} of video {video}"
        if not text.isdecimal() or not 1 <= int(text) < VOID:
            raise DataError(f"{where}: an id must lie in 1..254", where=meta, remedy=CHECK)
        limits = item.get("frame_range") if isinstance(item, dict) else None
        if not isinstance(limits, dict):
            raise DataError(f'{where} has no table "frame_range"', where=meta, remedy=CHECK)
        start, end = (_whole(limits.get(key), key, where, meta) for key in ("start", "end"))
        counted = len(range(start, end + 1, STEP))
        if "frame_nums" in limits:
            counted = _whole(limits["frame_nums"], "frame_nums", where, meta)
        return cls(int(text), where, meta, start, end, counted)

    def object(self, item: dict[str, Any], names: Mapping[int, str]) -> VideoObject:
        """The object, with the frames in which it is scored.

        Of `range(start, end, 5)`, the official code leaves out the first and the one at position
        `frame_nums` - 1, and divides by `frame_nums` - 2.
        """
        numbers = range(self.start, self.end, STEP)
        if len(numbers) > self.count:
            raise DataError(
                f"{self.where} has {len(numbers)} frames from {self.start} to {self.end} in steps "
                f"of {STEP}, but frame_nums says {self.count}, at which the official code fails",
                where=self.meta,
                remedy="correct the meta file",
            )
        absent = [number for number in (self.start, *numbers) if number not in names]
        if absent:
            raise DataError(
                f"{self.where} is listed in frames that the video does not have: "
                + ", ".join(map(str, dict.fromkeys(absent[:3]))),
                where=self.meta,
                remedy="download the frames again, or correct the meta file",
            )
        chosen = [number for k, number in enumerate(numbers) if k not in (0, self.count - 1)]
        category = item.get("category")
        return VideoObject(
            self.id,
            names[self.start],
            category if isinstance(category, str) else None,
            scored=ScoredFrames(tuple(names[number] for number in chosen), max(self.count - 2, 0)),
        )


def _whole(value: Any, key: str, where: str, meta: Path) -> int:
    if isinstance(value, str) and value.isdecimal() and len(value) < 12:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12:
        return value
    raise DataError(f"{where}: {key} must be a number", where=meta, remedy=CHECK)


def _numbers(names: tuple[str, ...]) -> dict[int, str]:
    """Frame names by the number at their end; by position where there is none."""
    return {_number(name, position): name for position, name in enumerate(names)}


def _number(name: str, position: int) -> int:
    digits = re.search(r"(\d+)$", name)
    return int(digits.group(1)) if digits else position


def _finish(video: Video, names: Mapping[int, str], ranges: list[range]) -> Video:
    """Set output frames and frame step, which follow from the numbers in the frames' names."""
    wanted = {number for numbers in ranges for number in names if number in numbers}
    output = tuple(name for number, name in names.items() if number in wanted)
    numbers = list(names)
    step = numbers[1] - numbers[0] if len(numbers) > 1 else 1
    return dataclasses.replace(video, output_frames=output, frame_step=max(step, 1))
