"""PASCAL VOC 2012 (Everingham et al.): instance masks of SegmentationObject, 255 is void."""

from __future__ import annotations

from pathlib import Path

from vostool.core.errors import DataError
from vostool.datasets.layout import MASK_SUFFIXES, list_files
from vostool.datasets.still_masks import IndexedMask
from vostool.datasets.still_spec import Still, StillSpec

WHERE = "give the folder that holds VOCdevkit, a year's folder, or JPEGImages"


def _load(root: Path) -> list[Still]:
    """All images with an instance mask.

    Raises:
        DataError: folders missing; a mask without an image.
    """
    folder = _year_folder(Path(root))
    masks = list_files(folder / "SegmentationObject", MASK_SUFFIXES)
    stills = []
    for stem, mask in masks.items():
        image = folder / "JPEGImages" / f"{stem}.jpg"
        if not image.is_file():
            raise DataError("the image of a mask is missing", where=image, remedy="unpack it again")
        stills.append(Still(stem, image, IndexedMask(mask)))
    if not stills:
        raise DataError(
            "there are no instance masks", where=folder / "SegmentationObject", remedy=WHERE
        )
    return stills


def _year_folder(root: Path) -> Path:
    years = sorted(root.glob("VOC20*"), reverse=True)
    years += sorted(root.glob("VOCdevkit/VOC20*"), reverse=True)
    for folder in (root, *years):
        if (folder / "SegmentationObject").is_dir():
            return folder
    raise DataError("this is not a PASCAL VOC folder", where=root, remedy=WHERE)


SPEC = StillSpec(name="voc", title="PASCAL VOC with instance masks", load=_load)
