"""COCO (Lin et al., arXiv 1405.0312): instances drawn from annotations/instances_*.json."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from vostool.core.errors import DataError
from vostool.core.types import VOID
from vostool.datasets.layout import read_json
from vostool.datasets.still_spec import Still, StillSpec
from vostool.media.images import MAX_PIXELS
from vostool.media.rle import decode_coco

REMEDY = "download instances_*.json of COCO again"


@dataclass(frozen=True)
class CocoMask:
    """Draws the instances of one image, large ones first, so that small ones stay visible.

    Attributes:
        source: the JSON file, for error messages.
        size: height and width of the image.
        shapes: polygons (float32 arrays x0, y0, x1, y1, ...) or a run-length code, per instance.
    """

    source: Path
    size: tuple[int, int]
    shapes: tuple[Any, ...]

    def __call__(self) -> np.ndarray:
        drawn = [self._draw(shape) for shape in self.shapes]
        drawn = sorted(drawn, key=lambda mask: -int(mask.sum()))[: VOID - 1]
        ids = np.zeros(self.size, np.uint8)
        for value, mask in enumerate(drawn, start=1):
            ids[mask] = value
        return ids

    def _draw(self, shape: Any) -> np.ndarray:
        height, width = self.size
        try:
            if isinstance(shape, tuple):
                _check_polygons(shape, self.size)
                polygons = [points.tolist() for points in shape]
                shape = coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
            mask = decode_coco(shape)
        except Exception as error:  # pycocotools raises bare Exception
            raise DataError(
                f"an instance cannot be drawn, {error}", where=self.source, remedy=REMEDY
            ) from error
        if mask.shape != self.size:
            raise DataError(
                f"an instance is {mask.shape} and its image {self.size} (height, width)",
                where=self.source,
                remedy=REMEDY,
            )
        return mask


def _load(root: Path) -> list[Still]:
    """Images with at least one instance, of every instances_NAME.json whose folder NAME is there.

    Crowd regions are left out. Images are not opened.

    Raises:
        DataError: no annotation file with an image folder; malformed annotations.
    """
    root = Path(root)
    stills: list[Still] = []
    for path in sorted((root / "annotations").glob("instances_*.json")):
        name = path.stem.removeprefix("instances_")
        folders = [root / name, root / "images" / name]
        folder = next((folder for folder in folders if folder.is_dir()), None)
        if folder is not None:
            stills += _stills_of(path, folder)
    if not stills:
        raise DataError(
            "no instances are found",
            where=root,
            remedy="put annotations/instances_train2017.json and the folder train2017 there",
        )
    return sorted(stills, key=lambda still: still.name)


def _stills_of(path: Path, folder: Path) -> list[Still]:
    value = read_json(path, REMEDY)
    shapes: dict[int, list[Any]] = {}
    try:
        for item in value["annotations"]:
            shape = None if item.get("iscrowd") else _compact(item["segmentation"])
            if shape is not None:
                shapes.setdefault(item["image_id"], []).append(shape)
        return [
            Still(
                f"{folder.name}/{Path(image['file_name']).stem}",
                _inside(folder, image["file_name"], path),
                CocoMask(path, _size(image), tuple(shapes[image["id"]])),
            )
            for image in value["images"]
            if image["id"] in shapes
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"the file is not COCO instances, {error!r}", where=path, remedy=REMEDY
        ) from error


def _size(image: dict[str, Any]) -> tuple[int, int]:
    """Height and width that an image is said to have."""
    height, width = image["height"], image["width"]
    whole = isinstance(height, int) and isinstance(width, int)
    if not whole or min(height, width) < 1 or height * width > MAX_PIXELS:
        raise ValueError(f"{height!r} x {width!r} is not the size of an image")
    return height, width


def _check_polygons(polygons: tuple[np.ndarray, ...], size: tuple[int, int]) -> None:
    """Refuse points far outside: memory for drawing grows with the length of an outline."""
    for points in polygons:
        if not np.isfinite(points).all() or np.abs(points).max() > 2 * max(size):
            raise ValueError("a polygon with points that are NaN or far outside the image")


def _compact(segmentation: Any) -> Any:
    """Polygons as float32 arrays, a tenth of the memory of lists; None if nothing is left."""
    if isinstance(segmentation, dict):
        return segmentation
    shortest = 6
    with np.errstate(over="ignore"):  # judged when it is drawn
        polygons = [np.asarray(points, np.float32) for points in segmentation]
    return tuple(points for points in polygons if points.size >= shortest) or None


def _inside(folder: Path, name: str, source: Path) -> Path:
    """The image file, which must lie in the folder."""
    parts = Path(name).parts
    if not parts or Path(name).is_absolute() or ".." in parts:
        raise DataError(f"{name!r} leads out of the image folder", where=source, remedy=REMEDY)
    return folder / name


SPEC = StillSpec(name="coco", title="COCO instances (crowd regions left out)", load=_load)
