"""Masks alone, without frames: what other masks are scored against (`vostool evaluate --gt`)."""

from __future__ import annotations

from pathlib import Path

from vostool.core.errors import DataError
from vostool.core.types import Video
from vostool.datasets.layout import MASK_SUFFIXES, build_videos, list_files, list_folders, safe_name
from vostool.datasets.spec import ScoringRule, VideoDatasetSpec
from vostool.datasets.unlisted import video_of_files

SPLIT = "all"
MASKS, LEVEL = "Annotations", "480p"
LAYOUT = "put masks into VIDEO/FRAME.png, or those of a single video into the folder itself"


def _load(root: Path, split: str) -> list[Video]:
    """Videos of `root/VIDEO/FRAME.png`, or one of `root/FRAME.png`; masks stand for frames, too.

    As in prediction folders, all of that may lie in `Annotations` or in `Annotations/480p`.

    Raises:
        DataError: no masks, or those of a video are faulty.
    """
    root = Path(root)
    if (root / MASKS).is_dir():
        root = root / MASKS
    if (root / LEVEL).is_dir() and list_folders(root / LEVEL):
        root = root / LEVEL
    if list_files(root, MASK_SUFFIXES):
        return build_videos(
            [safe_name(root.resolve().name, root)], lambda name: _single(name, root)
        )
    names = [name for name in list_folders(root) if list_files(root / name, MASK_SUFFIXES)]
    if not names:
        raise DataError("no masks are found in the folder", where=root, remedy=LAYOUT)
    return build_videos(names, lambda name: _single(name, root / name))


def _single(name: str, folder: Path) -> Video:
    masks = list_files(folder, MASK_SUFFIXES)
    return video_of_files(name, masks, masks)


SPEC = VideoDatasetSpec(
    name="masks",
    title="masks alone, without frames, to score others against",
    splits=(SPLIT,),
    load=_load,
    ground_truth_splits=(SPLIT,),
    scoring=ScoringRule("davis", skip_first=True, skip_last=False),
    where=LAYOUT,
)
