"""Finding data sets by name, loading their videos, and reading the masks that are given."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from vostool.core import registry
from vostool.core.errors import DataError, UsageError
from vostool.core.listing import some
from vostool.core.types import Frame, MaskEncoding, Video
from vostool.datasets.annotations import annotation_place, read_annotation
from vostool.datasets.layout import FaultyVideos
from vostool.datasets.objects import empty_first_mask, holds_void, ids_in
from vostool.datasets.spec import ScoringRule, VideoDatasetSpec
from vostool.datasets.split import SplitFile, is_split_file, read_split
from vostool.media.images import frame_size

PACKAGE = "vostool.datasets.sets"


def load_spec(name: str) -> VideoDatasetSpec:
    """The description of a data set.

    Raises:
        UsageError: there is none of this name.
    """
    return registry.load(PACKAGE, name, kind="data set").SPEC


def load_videos(name: str, root: Path, split: str) -> list[Video]:
    """Load the videos of a data set, sorted by name.

    Args:
        split: a split of the data set, or `FILE.json:train` / `FILE.json:val` for a part of the
            offline split that `vostool split` wrote.

    Raises:
        UsageError: unknown data set or split.
        DataError: something in the folder is missing or damaged.
    """
    spec = load_spec(name)
    file, part = parse_split(spec, split)
    root = Path(root)
    if not root.exists():
        hint = f"get the data ({spec.where}) or " if spec.where else ""
        raise DataError("the data folder is missing", where=root, remedy=f"{hint}check --root")
    if file is None:
        return spec.load(root, split)
    wanted = file.part(part)
    try:
        return _pick(spec.load(root, file.split), wanted, root)
    except FaultyVideos as faults:
        concerned = {name: text for name, text in faults.problems.items() if name in wanted}
        if concerned:
            sound = [video for video in faults.videos if video.name in wanted]
            raise FaultyVideos(concerned, sound) from None
        return _pick(list(faults.videos), wanted, root)


def _pick(videos: list[Video], wanted: tuple[str, ...], root: Path) -> list[Video]:
    by_name = {video.name: video for video in videos}
    missing = [name for name in wanted if name not in by_name]
    if missing:
        raise DataError(
            f"the split file names videos that the data set does not have: {some(missing)}",
            where=root,
            remedy="make the split file again (vostool split) or correct --root",
        )
    return [by_name[name] for name in sorted(wanted)]


def parse_split(spec: VideoDatasetSpec, split: str) -> tuple[SplitFile | None, str]:
    """Take apart `FILE.json:PART`; `(None, split)` for a split of the data set itself.

    Raises:
        UsageError: unknown split; the split file belongs to another data set.
        DataError: the split file cannot be read.
    """
    if not is_split_file(split):
        if split not in spec.splits:
            raise UsageError(
                f"{spec.name} has no split {split!r}", remedy=f"known: {', '.join(spec.splits)}"
            )
        return None, split
    path, _, part = split.rpartition(":")
    file = read_split(Path(path))
    if file.dataset != spec.name:
        raise UsageError(
            f"the split file was made for {file.dataset}, not for {spec.name}",
            where=path,
            remedy=f"use --dataset {file.dataset}",
        )
    return file, part


def scoring_rule(name: str, root: Path, split: str) -> ScoringRule:
    """The scoring rule of a data set, with what counts as unseen in this split."""
    spec = load_spec(name)
    rule = spec.scoring
    file, _ = parse_split(spec, split)
    if file is not None and file.unseen_categories:
        return dataclasses.replace(rule, unseen=frozenset(file.unseen_categories))
    if spec.unseen is not None:
        rule = dataclasses.replace(rule, unseen=spec.unseen(Path(root)))
    if spec.unseen_videos is not None:
        rule = dataclasses.replace(rule, unseen_videos=spec.unseen_videos(Path(root)))
    return rule


def annotation(video: Video, frame: Frame | str) -> np.ndarray | None:
    """Annotation of a frame as stored (void is 0), uint8 `[H, W]`, or None if it has none.

    Of objects that overlap in the annotation, the smaller one lies on top.

    Raises:
        DataError: the file is unreadable or is not of the frame's size.
    """
    frame = _frame(video, frame)
    if not frame.annotated:
        return None
    mask = read_annotation(video, frame)
    size = frame_size(frame)
    if mask.shape != size:
        raise DataError(
            f"the mask is {mask.shape[0]} x {mask.shape[1]}, but frame {frame.name} of video "
            f"{video.name} is {size[0]} x {size[1]} (height x width)",
            where=annotation_place(frame),
            remedy="give the mask at the size of the frame",
        )
    return mask


def given_mask(video: Video, frame: Frame | str) -> np.ndarray:
    """The ids whose mask is given in this frame for the first time, uint8 `[H, W]`.

    Pixels of objects that were given earlier, and ids that the video does not list, become 0:
    a late annotation may hold them, and its 0 means 'unlabelled', not 'background'. An object may
    lack pixels here; it is then never segmented. All 0 in a frame that starts no object.

    Raises:
        DataError: the annotation is missing, unreadable or of another size; it is the video's
            first one and empty; a listed object is in none of the video's annotations.
    """
    frame = _frame(video, frame)
    new = [item.id for item in video.new_objects(frame.name)]
    if not new:
        return np.zeros(frame_size(frame), np.uint8)
    mask = annotation(video, frame)
    if mask is None:
        raise DataError(
            f"video {video.name} has no mask in frame {frame.name}, where object {new[0]} starts",
            where=frame.image,
            remedy="add the annotation file",
        )
    table = np.zeros(256, np.uint8)
    table[new] = new
    given = table[mask]
    found = ids_in(given)
    if not found and frame.name == _first_given(video):
        raise empty_first_mask(frame.annotation, f"{frame.name} of video {video.name}")
    for value in new:
        if value not in found and not _in_any_annotation(video, value):
            raise DataError(
                f"object {value} of video {video.name} is listed but no annotation shows it",
                where=annotation_place(frame),
                remedy="correct the mask, or remove the object from meta.json",
            )
    return given


def void_warning(video: Video, frame: Frame | str) -> str | None:
    """A sentence where the mask that is given in this frame has 255, which is nobody's id.

    Raises:
        DataError: the annotation is unreadable.
    """
    frame = _frame(video, frame)
    if frame.annotation is None or video.encoding is not MaskEncoding.INDEXED:
        return None
    if not holds_void(frame.annotation):
        return None
    return (
        f"the mask given in frame {frame.name} of video {video.name} has pixels of 255, which "
        f"means 'ignore' and is followed as no object ({frame.annotation})"
    )


def _frame(video: Video, frame: Frame | str) -> Frame:
    return frame if isinstance(frame, Frame) else video.frames[video.index(frame)]


def _first_given(video: Video) -> str:
    """Name of the first frame in which a mask is given."""
    return min((item.first_frame for item in video.objects), key=video.index)


def _in_any_annotation(video: Video, object_id: int) -> bool:
    """Whether some annotation has pixels of an object; reads files, so only for rare cases."""
    frames = (frame for frame in video.frames if frame.annotated)
    return any((read_annotation(video, frame) == object_id).any() for frame in frames)
