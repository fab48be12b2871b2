"""Movie files with the mask of their first frame: own data."""

from __future__ import annotations

from pathlib import Path

from vostool.core.errors import DataError
from vostool.core.types import Frame, Video
from vostool.datasets.layout import MASK_SUFFIXES, build_videos, list_files, safe_name
from vostool.datasets.spec import ScoringRule, VideoDatasetSpec
from vostool.datasets.unlisted import read_objects, refuse_void
from vostool.media.movie import MOVIE_SUFFIXES, count_frames

SPLIT = "all"
DIGITS = 5
"""Frames are named by their position from 0 with this many digits."""

LAYOUT = (
    "put the mask of the first frame beside the movie under its name (clip.mp4, clip.png), or "
    "several masks named by frame number into a folder (clip/00000.png, clip/00012.png)"
)


def _load(root: Path, split: str) -> list[Video]:
    """One video per movie file of the folder `root`, or the movie `root` itself.

    Raises:
        DataError: no movie, no mask, a mask without a frame, unreadable files.
    """
    root = Path(root)
    if root.is_file():
        movies = {root.stem: root}
    else:
        movies = list_files(root, MOVIE_SUFFIXES)
    if not movies:
        raise DataError("no movie file is found in the folder", where=root, remedy=LAYOUT)
    return build_videos(movies, lambda name: _build(name, movies[name]))


def _build(name: str, path: Path) -> Video:
    safe_name(name, path)
    count = count_frames(path)
    if not count:
        raise DataError("the movie has no frames", where=path, remedy="convert it again")
    names = [f"{index:0{DIGITS}d}" for index in range(count)]
    masks = _masks(path, names)
    given = [(frame, masks[frame]) for frame in names if frame in masks]
    objects, encoding = read_objects(given)
    frames = tuple(Frame(frame, path, masks.get(frame), i) for i, frame in enumerate(names))
    return refuse_void(Video(name, frames, objects, tuple(names), encoding))


def _masks(path: Path, names: list[str]) -> dict[str, Path]:
    """Mask files by frame name."""
    beside = path.with_suffix(".png")
    if beside.is_file():
        return {names[0]: beside}
    numbered = list_files(path.with_suffix(""), MASK_SUFFIXES)
    if not numbered:
        raise DataError("the movie has no mask", where=path, remedy=LAYOUT)
    masks = {}
    for stem, file in numbered.items():
        if not stem.isdecimal() or int(stem) >= len(names):
            raise DataError(
                f"the movie has {len(names)} frames, none of them is {stem}",
                where=file,
                remedy="name masks by frame number, from 00000",
            )
        masks[names[int(stem)]] = file
    return masks


SPEC = VideoDatasetSpec(
    name="movie",
    title="movie files with first masks",
    splits=(SPLIT,),
    load=_load,
    ground_truth_splits=(),
    scoring=ScoringRule("davis", skip_first=True, skip_last=False),
    where=LAYOUT,
)
