"""The layout of DAVIS: ImageSets lists, JPEGImages/480p, Annotations/480p."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from vostool.core.errors import DataError
from vostool.core.reading import read_text
from vostool.core.types import Frame, MaskEncoding, Video, VideoObject
from vostool.datasets.layout import (
    CHECK,
    MASK_SUFFIXES,
    build_videos,
    list_files,
    list_folders,
    safe_name,
)
from vostool.datasets.objects import objects_of_first_mask

RESOLUTION = "480p"


def davis_root(root: Path, home: str = "DAVIS") -> Path:
    """The folder that holds ImageSets: `root` or `root/HOME`.

    Raises:
        DataError: there is none.
    """
    for candidate in (Path(root), Path(root) / home):
        if (candidate / "ImageSets").is_dir():
            return candidate
    raise DataError(
        f"this is not a {home} folder, because it has no ImageSets folder",
        where=root,
        remedy="give the folder that holds ImageSets, JPEGImages and Annotations as --root",
    )


def read_list(root: Path, list_folders_tried: Sequence[str], split: str) -> list[str]:
    """Video names of `ImageSets/FOLDER/SPLIT.txt` for the first FOLDER that has it.

    A line is a name, or, as in the first release of DAVIS 2016, a pair of file paths.

    Raises:
        DataError: no such list.
    """
    wanted = [root / "ImageSets" / folder / f"{split}.txt" for folder in list_folders_tried]
    path = next((path for path in wanted if path.is_file()), None)
    if path is None:
        there = ", ".join(list_folders(root / "ImageSets")) or "nothing"
        raise DataError(
            f"the list of videos is missing; ImageSets holds {there}",
            where=wanted[0],
            remedy="is this another year or split of DAVIS? else download the data set again",
        )
    return names_in_list(path)


def names_in_list(path: Path) -> list[str]:
    """Video names in a list file, once each.

    Raises:
        DataError: a line cannot be a name.
    """
    lines = [line.split()[0] for line in read_text(path).splitlines() if line.strip()]
    names = [Path(line).parent.name if "/" in line else line for line in lines]
    return [safe_name(name, path) for name in dict.fromkeys(names)]


def load_davis(
    root: Path,
    split: str,
    *,
    lists: Sequence[str],
    encoding: MaskEncoding,
    first_mask_only: bool,
    home: str = "DAVIS",
) -> list[Video]:
    """Videos of one DAVIS split.

    Args:
        lists: folders of ImageSets in which to look for the list.
        first_mask_only: take no notice of later masks (test splits).
        home: name of the folder that holds everything.

    Raises:
        DataError: lists, frames or first masks are missing; a first mask is unreadable or empty.
    """
    root = davis_root(root, home)
    names = read_list(root, lists, split)
    if not (root / "JPEGImages" / RESOLUTION).is_dir():
        there = ", ".join(list_folders(root / "JPEGImages")) or "nothing"
        raise DataError(
            f"the 480p frames are missing; JPEGImages holds {there}",
            where=root / "JPEGImages" / RESOLUTION,
            remedy="download the 480p version of DAVIS, the one that its servers score",
        )
    return build_videos(
        names, partial(_build, root, encoding=encoding, first_mask_only=first_mask_only)
    )


def _build(root: Path, name: str, *, encoding: MaskEncoding, first_mask_only: bool) -> Video:
    image_folder = root / "JPEGImages" / RESOLUTION / name
    images = list_files(image_folder)
    if not images:
        raise DataError(f"video {name} has no frames", where=image_folder, remedy=CHECK)
    masks = list_files(root / "Annotations" / RESOLUTION / name, MASK_SUFFIXES)
    first = next(iter(images))
    if first not in masks:
        raise DataError(
            f"video {name} has no mask for its first frame {first}",
            where=root / "Annotations" / RESOLUTION / name,
            remedy="download the annotations of this split",
        )
    if first_mask_only:
        masks = {first: masks[first]}
    if encoding is MaskEncoding.BINARY:
        objects: tuple[VideoObject, ...] = (VideoObject(1, first),)
    else:
        objects = objects_of_first_mask(masks[first], first)
    frames = tuple(Frame(stem, path, masks.get(stem)) for stem, path in images.items())
    return Video(name, frames, objects, tuple(images), encoding)
