"""Proposals that any detector has written: COCO's result JSON with run-length coded masks.

The file is a list of results, or a table of "images" and "annotations". A result says in which
image it lies (`image_id`), its `score` from 0 to 1 and its mask (`segmentation`, with "size" and
"counts"); `bbox` (x, y, width, height) is the mask's own box where it is missing. An image is a
frame: `image_id` is "VIDEO/FRAME", or the id of an entry of "images" whose `file_name` ends with
VIDEO/FRAME.jpg. Classes are not looked at.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, Field

from vostool.core.errors import DataError
from vostool.core.listing import some
from vostool.core.reading import read_json
from vostool.core.typed import parse_as
from vostool.core.types import ObjectProposals
from vostool.media.rle import decode_coco

FILES = ("a COCO result file (JSON) of a detector",)

MOST = 50
"""Proposals of a frame that are used; DMM-Net's number, whose settings DMN-AOA takes over."""
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
REMEDY = "make the file anew with the detector, or with `vostool propose`"

log = logging.getLogger(__name__)


class _Code(BaseModel):
    size: tuple[int, int]
    counts: str | list[int]


class _Result(BaseModel):
    image_id: str | int
    score: float = Field(ge=0, le=1, allow_inf_nan=False)
    segmentation: _Code
    bbox: tuple[float, float, float, float] | None = None


class _Image(BaseModel):
    id: str | int
    file_name: str


@dataclass(frozen=True)
class WrittenProposals:
    """A `ProposalSource`: what a file says, whatever an image shows.

    Attributes:
        path: of the file, for messages.
        results: by video and frame, best score first.
        listed: whether the file names the frames that the detector has seen, so that others are
            a mistake; without, a frame that has no result is one where nothing was found.
    """

    path: Path
    results: Mapping[str, Mapping[str, Sequence[_Result]]]
    listed: bool = False

    def proposals(self, image: np.ndarray, video: str, frame: str) -> ObjectProposals:
        """See `ProposalSource.proposals`; the 50 best ones, those without a pixel left out.

        Raises:
            DataError: the file has nothing of this video, or lists its frames without this one;
                masks of another size than the image, or malformed.
        """
        place = f"{self.path}, video {video}, frame {frame}"
        if video not in self.results:
            known = some(sorted(self.results)) or "nothing"
            raise DataError(
                "the file holds no proposals of this video", where=place, remedy=f"it has {known}"
            )
        frames = self.results[video]
        if self.listed and frame not in frames:
            raise DataError("the file does not list this frame", where=place, remedy=REMEDY)
        size = image.shape[0], image.shape[1]
        decoded = [(result, _mask(result, size, place)) for result in frames.get(frame, ())]
        seen = [(result, mask) for result, mask in decoded if mask.any()]
        if not seen:
            return ObjectProposals.none(*size)
        boxes = torch.tensor([_box(result, mask) for result, mask in seen])
        scores = torch.tensor([result.score for result, _ in seen])
        masks = torch.from_numpy(np.stack([mask for _, mask in seen]))
        return ObjectProposals(boxes, scores, masks)


def open_source(files: Sequence[Path], device: torch.device) -> WrittenProposals:
    """What a file says; `device` is where nothing happens.

    Raises:
        DataError: no JSON, no COCO results, a score that is no number from 0 to 1, or an image
            that is no frame of a video.
    """
    path = files[0]
    images, results = _parts(read_json(path), path)
    names = _names(images, path)
    # Frames that are listed and have no result are those where nothing was found.
    found: dict[str, dict[str, list[_Result]]] = {}
    for video, frame in names.values():
        found.setdefault(video, {}).setdefault(frame, [])
    for number, entry in enumerate(results):
        where = f"{path}, result {number}"
        result = parse_as(_Result, entry, where, remedy=REMEDY)
        if names and result.image_id not in names:
            raise DataError(f"no image has the id {result.image_id!r}", where=where, remedy=REMEDY)
        video, frame = names.get(result.image_id) or _frame_of(result.image_id, where)
        found.setdefault(video, {}).setdefault(frame, []).append(result)
    most = 0
    for frames in found.values():
        for listed in frames.values():
            most = max(most, len(listed))
            listed.sort(key=lambda result: -result.score)
            del listed[MOST:]
    if most > MOST:
        log.info(f"{path}: up to {most} proposals in a frame, the best {MOST} of each are used")
    return WrittenProposals(path, found, bool(names))


def _parts(value: Any, path: Path) -> tuple[list[Any], list[Any]]:
    """Images and results."""
    table = {"images": [], "annotations": value} if isinstance(value, list) else value
    if not isinstance(table, dict):
        table = {}
    images, results = table.get("images", []), table.get("annotations")
    if not isinstance(images, list) or not isinstance(results, list):
        raise DataError(
            "neither a list of COCO results nor a table with lists of images and annotations",
            where=path,
            remedy=REMEDY,
        )
    return images, results


def _names(images: list[Any], path: Path) -> dict[str | int, tuple[str, str]]:
    """Video and frame by image id."""
    names = {}
    for number, entry in enumerate(images):
        where = f"{path}, image {number}"
        image = parse_as(_Image, entry, where, remedy=REMEDY)
        names[image.id] = _frame_of(image.file_name, where)
    return names


def _frame_of(name: str | int, where: str) -> tuple[str, str]:
    """Video and frame: the last two parts of a path, without an image's suffix."""
    parts = PurePosixPath(name).parts if isinstance(name, str) else ()
    if len(parts) < 2:
        raise DataError(
            f"the image {name!r} is no frame of a video",
            where=where,
            remedy='name images "VIDEO/FRAME", or list them under "images" with such a file_name',
        )
    video, frame = parts[-2:]
    suffix = PurePosixPath(frame).suffix
    return video, frame.removesuffix(suffix) if suffix.lower() in IMAGE_SUFFIXES else frame


def _mask(result: _Result, size: tuple[int, int], place: str) -> np.ndarray:
    """Bool `[H, W]`. Raises DataError: of another size, or malformed."""
    if result.segmentation.size != size:
        raise DataError(
            f"a proposal's mask is {_by(result.segmentation.size)} pixels, the frame {_by(size)}",
            where=place,
            remedy="make proposals at the size of the frames",
        )
    try:
        return decode_coco(result.segmentation.model_dump())
    except ValueError as error:
        raise DataError(
            f"a proposal's mask is malformed: {error}", where=place, remedy=REMEDY
        ) from None


def _box(result: _Result, mask: np.ndarray) -> tuple[float, float, float, float]:
    """x0, y0, x1, y1 in pixels, inside of the image; the mask's own where none is given."""
    height, width = mask.shape
    if result.bbox is not None and np.isfinite(result.bbox).all():
        x, y, wide, high = result.bbox
        x0, x1 = np.clip((x, x + wide), 0, width)
        y0, y1 = np.clip((y, y + high), 0, height)
        if x1 > x0 and y1 > y0:
            return float(x0), float(y0), float(x1), float(y1)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
