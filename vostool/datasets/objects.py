"""Which objects a video has, where only its masks tell."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from vostool.core.errors import DataError
from vostool.core.threads import ordered_map
from vostool.core.types import VOID, MaskEncoding, VideoObject
from vostool.media.masks import read_mask, read_predicted_mask


def ids_in(mask: np.ndarray) -> list[int]:
    """Ids in a uint8 mask, sorted, without the background."""
    counts = np.bincount(mask.ravel(), minlength=256)
    return [int(value) for value in np.flatnonzero(counts) if value]


def objects_of_first_mask(path: Path, frame_name: str) -> tuple[VideoObject, ...]:
    """The objects of an indexed first mask.

    Raises:
        DataError: the mask is unreadable or holds no object.
    """
    ids = ids_in(read_mask(path))
    if not ids:
        raise empty_first_mask(path, frame_name)
    return tuple(VideoObject(value, frame_name) for value in ids)


def empty_first_mask(path: Path | None, frame_name: str) -> DataError:
    """The error for a first mask without an object; says so if 255 was meant as the object."""
    what = f"the first mask is empty, frame {frame_name} holds no object"
    if path is not None and is_binary(path):
        return DataError(
            f"{what}: it has only the values 0 and 255, and 255 means 'ignore' here",
            where=path,
            remedy="write object ids 1, 2, ... (or use --dataset davis2016 for its 0/255 masks)",
        )
    return DataError(
        what, where=path, remedy="draw the object, or leave this video out of the data set"
    )


def is_binary(path: Path) -> bool:
    """Whether a mask file uses 255, and 255 alone, for the object."""
    return not read_mask(path).any() and bool(read_mask(path, MaskEncoding.BINARY).any())


def holds_void(path: Path) -> bool:
    """Whether a mask of object ids has pixels of 255, which are read as background."""
    return bool((read_predicted_mask(path) == VOID).any())


def objects_of_masks(masks: Iterable[tuple[str, Path]]) -> tuple[VideoObject, ...]:
    """The objects of indexed masks given as (frame name, file) in time order.

    An object belongs to the first frame whose mask has it.

    Raises:
        DataError: a mask is unreadable.
    """
    masks = list(masks)
    first: dict[int, str] = {}
    for (name, _), ids in zip(masks, ordered_map(_ids_of_file, masks), strict=True):
        for value in ids:
            first.setdefault(value, name)
    return tuple(VideoObject(value, first[value]) for value in sorted(first))


def _ids_of_file(mask: tuple[str, Path]) -> list[int]:
    return ids_in(read_mask(mask[1]))
