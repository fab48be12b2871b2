"""A folder of images and a folder of masks (MSRA10K, ECSSD, PASCAL-S, HRSOD, own data, ...)."""

from __future__ import annotations

from pathlib import Path

from vostool.core.errors import DataError
from vostool.datasets.layout import list_files
from vostool.datasets.still_masks import AnyMask
from vostool.datasets.still_spec import Still, StillSpec
from vostool.media.images import IMAGE_SUFFIXES

IMAGE_FOLDERS = ("images", "JPEGImages", "image", "imgs", "img")
MASK_FOLDERS = ("masks", "Annotations", "mask", "ground_truth_mask", "gt", "SegmentationObject")


def _load(root: Path) -> list[Still]:
    """Pair images and masks by stem; with both in one folder (MSRA10K), JPEG images and PNG masks.

    Images without a mask are left out.

    Raises:
        DataError: folders missing; no pair at all; a mask without an image.
    """
    root = Path(root)
    image_folder = _first(root, IMAGE_FOLDERS)
    mask_folder = _first(root, MASK_FOLDERS)
    if image_folder and mask_folder:
        images, masks = list_files(image_folder), list_files(mask_folder)
    else:
        folder = image_folder or root
        images = list_files(folder, frozenset({".jpg", ".jpeg"}))
        masks = list_files(folder, IMAGE_SUFFIXES - {".jpg", ".jpeg"})
    paired = [stem for stem in images if stem in masks]
    if not paired:
        raise DataError(
            f"no image has a mask ({len(images)} images, {len(masks)} masks)",
            where=root,
            remedy="put them into images/ and masks/ under the same file names",
        )
    lost = [path for stem, path in masks.items() if stem not in images]
    if lost:
        raise DataError(
            "a mask has no image of the same name",
            where=lost[0],
            remedy="add the image or remove the mask",
        )
    return [Still(stem, images[stem], AnyMask(masks[stem])) for stem in paired]


def _first(root: Path, names: tuple[str, ...]) -> Path | None:
    return next((root / name for name in names if (root / name).is_dir()), None)


SPEC = StillSpec(
    name="image-folder",
    title="a folder of images and a folder of masks (saliency sets, own data)",
    load=_load,
)
