"""Movie files with the mask of their first frame: own data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from vostool.core.errors import DataError
from vostool.core.types import Video
from vostool.datasets.layout import MASK_SUFFIXES, build_videos, list_files, safe_name
from vostool.datasets.own_video import movie_frames
from vostool.datasets.spec import ScoringRule, VideoDatasetSpec
from vostool.datasets.unlisted import read_objects, refuse_void
from vostool.media.movie import MOVIE_SUFFIXES

SPLIT = "all"

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
    frames = movie_frames(safe_name(name, path), path)
    names = [frame.name for frame in frames]
    masks = _masks(path, names)
    given = [(frame, masks[frame]) for frame in names if frame in masks]
    objects, encoding = read_objects(given)
    annotated = tuple(replace(frame, annotation=masks.get(frame.name)) for frame in frames)
    return refuse_void(Video(name, annotated, objects, tuple(names), encoding))


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
