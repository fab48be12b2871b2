"""Annotated frames of video data sets as stills: DAVIS, YouTube-VOS train and the like."""

from __future__ import annotations

from pathlib import Path

from vostool.core.errors import DataError
from vostool.datasets.davis import names_in_list
from vostool.datasets.layout import MASK_SUFFIXES, list_files, list_folders
from vostool.datasets.still_masks import AnyMask
from vostool.datasets.still_spec import Still, StillSpec

TRAIN = "train"


def _load(root: Path) -> list[Still]:
    """All frames that have a mask; `group` is the video.

    Understood are `JPEGImages/VIDEO` with `Annotations/VIDEO`, a level such as 480p in between,
    and both below `train/`. Where ImageSets lists training videos (DAVIS), only these are used:
    frames of validation videos are never stills to train on.

    Raises:
        DataError: no frame has a mask.
    """
    root = Path(root)
    base = root / TRAIN if (root / TRAIN / "JPEGImages").is_dir() else root
    allowed = _training_videos(base)
    masks_of: dict[str, Path] = {
        folder.name: folder for folder in _video_folders(base / "Annotations")
    }
    stills = []
    for folder in _video_folders(base / "JPEGImages"):
        if folder.name not in masks_of or (allowed is not None and folder.name not in allowed):
            continue
        images, masks = list_files(folder), list_files(masks_of[folder.name], MASK_SUFFIXES)
        stills += [
            Still(f"{folder.name}/{stem}", path, AnyMask(masks[stem]), group=folder.name)
            for stem, path in images.items()
            if stem in masks
        ]
    if not stills:
        raise DataError(
            "no frame with a mask is found",
            where=root,
            remedy="give the folder that holds JPEGImages and Annotations, or train/ with these",
        )
    return stills


def _training_videos(base: Path) -> set[str] | None:
    """Names in any `ImageSets/*/train.txt`; None if there is no such list."""
    lists = sorted(base.glob(f"ImageSets/*/{TRAIN}.txt"))
    if not lists:
        return None
    return {name for path in lists for name in names_in_list(path)}


def _video_folders(folder: Path) -> list[Path]:
    """Folders of videos, in the folder itself or one level below (480p, 2017)."""
    found = []
    for name in list_folders(folder):
        below = [folder / name / inner for inner in list_folders(folder / name)]
        found += below if below else [folder / name]
    return sorted(found, key=lambda path: path.name)


SPEC = StillSpec(
    name="video-frames", title="annotated frames of a video data set as stills", load=_load
)
