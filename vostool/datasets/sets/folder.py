"""Any folder of frames with the mask of each video's first frame: own data."""

from __future__ import annotations

from pathlib import Path

from vostool.core.errors import DataError
from vostool.core.types import Video
from vostool.datasets.layout import (
    MASK_SUFFIXES,
    build_videos,
    list_files,
    list_folders,
    safe_name,
)
from vostool.datasets.spec import ScoringRule, VideoDatasetSpec
from vostool.datasets.unlisted import build_unlisted, refuse_void, video_of_files
from vostool.media.images import IMAGE_SUFFIXES

SPLIT = "all"
IMAGE_FOLDERS = ("JPEGImages", "images", "frames")
MASK_FOLDERS = ("Annotations", "masks")

LAYOUT = (
    "put frames into images/VIDEO/ and masks into masks/VIDEO/, or for one video the frames as "
    "JPEG and the masks as PNG of the same names into one folder"
)


def _load(root: Path, split: str) -> list[Video]:
    """Videos of a folder; an object belongs to the first frame whose mask has it.

    Masks hold object ids, or in all masks of a video 0 and 255 for one object. Understood are
    `images/VIDEO/FRAME.jpg` with `masks/VIDEO/FRAME.png` (also JPEGImages or frames, Annotations,
    and a level such as 480p between), the same without VIDEO for a single video, videos directly
    below the root, and frames as JPEG together with masks as PNG in one folder.

    Raises:
        DataError: no video is found, or one is faulty.
    """
    root = Path(root)
    images = _first(root, IMAGE_FOLDERS) or root
    masks = _first(root, MASK_FOLDERS)
    if masks is not None:
        images, masks = _below_level(images), _below_level(masks)
    name = safe_name(root.resolve().name, root)
    if _has_images(images):
        return build_videos([name], lambda only: _single(only, images, masks))
    names = [n for n in list_folders(images) if images / n != masks and _has_images(images / n)]
    if not names:
        raise DataError("no video is found in the folder", where=root, remedy=LAYOUT)
    return build_videos(names, lambda each: _single(each, images / each, masks and masks / each))


def _first(root: Path, names: tuple[str, ...]) -> Path | None:
    return next((root / name for name in names if (root / name).is_dir()), None)


def _has_images(folder: Path) -> bool:
    return any(path.suffix.lower() in IMAGE_SUFFIXES for path in folder.iterdir())


def _below_level(folder: Path) -> Path:
    """Step into a level such as 480p or 2017: the only folder, which holds folders only."""
    levels = list_folders(folder)
    if len(levels) != 1 or _has_images(folder) or _has_images(folder / levels[0]):
        return folder
    return folder / levels[0] if list_folders(folder / levels[0]) else folder


def _single(name: str, images: Path, masks: Path | None) -> Video:
    if masks is not None:
        return refuse_void(build_unlisted(name, images, masks))
    frames = list_files(images, frozenset({".jpg", ".jpeg"}))
    together = list_files(images, MASK_SUFFIXES)
    if not frames or not together:
        raise DataError(
            f"video {name} has {len(frames)} JPEG frames and {len(together)} PNG masks",
            where=images,
            remedy=LAYOUT,
        )
    return refuse_void(video_of_files(name, frames, together))


SPEC = VideoDatasetSpec(
    name="folder",
    title="any folder of frames with first masks",
    splits=(SPLIT,),
    load=_load,
    ground_truth_splits=(SPLIT,),
    scoring=ScoringRule("davis", skip_first=True, skip_last=False),
    where=LAYOUT,
)
