"""What the values of another tool's masks mean, as object ids.

A value is *sure* if it is one of the video's ids: those of the data set or, where that is not
known, values that fill 3 x 3 pixels somewhere. Smoothed edges hold values in between and are thin:
their pixels get the id of the nearest sure pixel, and what is 5 pixels thick is a fault instead.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy import ndimage

from vostool.core.errors import DataError
from vostool.core.types import VOID
from vostool.media.images import open_image
from vostool.media.layers import flatten
from vostool.media.masks import DAVIS_PALETTE, MOST_OBJECTS
from vostool.predictions.foreign.layouts import ForeignFrame

TOLERANCE = 24
"""Largest difference per channel (0..255) at which a colour is taken for one of the palette."""
WHITE = "0 and 255 are background and the object"
EDGES = "smoothed edges get the nearest id"
COLOURS = "RGB colours are those of the palette"
NEAR_COLOURS = f"RGB colours are the palette's nearest, within {TOLERANCE} of 255 per channel"
ROUNDED = 1
"""DAVIS's own palette file rounds down."""
JOINED = "objects of their own files are joined, the smaller one on top"
VOID_CLEARED = "255 (void) becomes background"
UNKNOWN = "values or colours that stand for no object"


@dataclass(frozen=True)
class Look:
    """Values of a mask before it is known what they mean.

    Attributes:
        values: integers `[H, W]`; `VOID` where a colour is like none of the palette.
        repairs: what has been done to it.
        solid: values that fill at least 3 x 3 pixels somewhere.
        of_objects: whether values are one more than an object's number in a file's name.
    """

    values: np.ndarray
    repairs: tuple[str, ...]
    solid: frozenset[int]
    of_objects: bool = False

    @property
    def present(self) -> frozenset[int]:
        """All values but 0."""
        return _values_in(self.values)


@dataclass(frozen=True)
class Meaning:
    """What the values of one video mean.

    Attributes:
        ids: those that are sure.
        white: the id of 255, where there is one object as 0 and 255.
        shift: what is added to values that are objects' numbers.
    """

    ids: frozenset[int]
    white: int | None = None
    shift: int = 0


def look(frame: ForeignFrame) -> Look:
    """Read a frame's masks.

    Raises:
        DataError: a file cannot be read, or its values are no masks.
    """
    repairs: tuple[str, ...] = ()
    of_objects = frame.objects is not None
    if frame.objects is not None:
        # Numbers from 0 must stay apart from the background until all frames are known.
        layers = {number + 1: _binary(path) for number, path in frame.objects.items()}
        values, repairs = _joined(layers, frame.where), (JOINED,)
    elif frame.read is not None:
        values = frame.read()
        if values.ndim == 3:
            of_objects, repairs = True, (JOINED,)
            numbers = frame.numbers or range(1, len(values) + 1)
            planes = {n + 1: plane > 0.5 for n, plane in zip(numbers, values, strict=True)}
            values = _joined(planes, frame.where)
        values = _small(values, frame.where)
    else:
        assert frame.whole is not None
        values, repairs = _stored(frame.whole)
    return Look(values, repairs, _solid(values), of_objects)


def meaning(looks: Iterable[Look], known: Collection[int] = ()) -> Meaning:
    """What values mean that were found in all frames of a video.

    Args:
        known: ids that the data set has; none: those that are found.
    """
    looks, wanted = list(looks), frozenset(known)
    present = frozenset().union(*(each.present for each in looks))
    if any(each.of_objects for each in looks):
        return _of_numbers(frozenset(value - 1 for value in present), wanted)
    solid = frozenset().union(*(each.solid for each in looks)) - {VOID}
    near = any(NEAR_COLOURS in each.repairs for each in looks)
    coloured = near or any(COLOURS in each.repairs for each in looks)
    grey = len(present) > MOST_OBJECTS
    if VOID in present and not coloured and len(wanted) < 2 and (grey or wanted or not solid):
        return Meaning(wanted or frozenset({1}), white=next(iter(wanted), 1))
    exact = not (near or grey or VOID in present)
    return Meaning(wanted or (present if exact else solid))


def _of_numbers(numbers: frozenset[int], wanted: frozenset[int]) -> Meaning:
    """Numbers of files' names are ids; where 0 is an object, they are ids less one."""
    above = frozenset(number + 1 for number in numbers)
    from_zero = 0 in numbers or (not numbers <= wanted and above <= wanted)
    return Meaning(wanted or (above if from_zero else numbers), shift=0 if from_zero else -1)


def to_ids(each: Look, what: Meaning) -> tuple[np.ndarray, tuple[str, ...]]:
    """Object ids uint8 `[H, W]`, and what was done.

    Raises:
        DataError: values that stand for no object and are no edges.
    """
    values, repairs = each.values, each.repairs
    if what.white is not None:
        ids = np.where(values > VOID // 2, what.white, 0).astype(np.uint8)
        done = (WHITE,) if each.present else ()
        return ids, (*repairs, *done, *((EDGES,) if each.present - {VOID} else ()))
    if what.shift:
        values = np.where(values > 0, values.astype(np.int16) + what.shift, 0).astype(np.uint8)
    unsure = ~np.isin(values, [0, *what.ids])
    if not unsure.any():
        return values, repairs
    if NEAR_COLOURS not in repairs and (values[unsure] == VOID).all():
        return np.where(unsure, 0, values).astype(np.uint8), (*repairs, VOID_CLEARED)
    thick = cv2.erode(unsure.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=0)
    if thick.any() or unsure.all():
        raise DataError(UNKNOWN)
    nearest = ndimage.distance_transform_edt(unsure, return_distances=False, return_indices=True)
    return values[tuple(nearest)], (*repairs, EDGES)


def _stored(path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    with open_image(path) as image:
        if image.mode in ("P", "L", "1", "I", "I;16"):
            values = np.asarray(image)
            if image.mode == "1":
                values = values.astype(np.uint8) * VOID
            return _small(values, path), ()
        if image.mode in ("LA", "PA"):
            return np.array(np.asarray(image)[..., 0]), ()
        return _of_colours(np.asarray(image.convert("RGB")))


def _of_colours(pixels: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Ids of the palette's colours; white and grey levels, which it does not have, as they are."""
    if bool((pixels == pixels[..., :1]).all()):
        return np.ascontiguousarray(pixels[..., 0]), ()
    wide = pixels.astype(np.uint32)
    packed = wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
    distinct, inverse = np.unique(packed, return_inverse=True)
    colours = np.stack([distinct >> 16, distinct >> 8 & 255, distinct & 255], 1).astype(np.int16)
    palette, best = DAVIS_PALETTE[:VOID].astype(np.int16), np.empty(len(colours), np.uint8)
    exact = True
    for start in range(0, len(colours), 1024):
        distance = np.abs(colours[start : start + 1024, None] - palette).max(2)
        found = distance.argmin(1)
        nearest = distance[np.arange(len(found)), found]
        best[start : start + 1024] = np.where(nearest > TOLERANCE, VOID, found)
        exact = exact and bool((nearest <= ROUNDED).all())
    return best[inverse].reshape(packed.shape), (COLOURS if exact else NEAR_COLOURS,)


def _small(values: np.ndarray, where: Path) -> np.ndarray:
    if values.dtype == bool:
        return values.astype(np.uint8)
    if values.size and (values.min() < 0 or values.max() > VOID or values.dtype.kind == "f"):
        raise DataError("values that are no object ids of 0 to 254", where=where)
    return values.astype(np.uint8)


def _binary(path: Path) -> np.ndarray:
    values, _ = _stored(path)
    most = int(values.max(initial=0))
    return values > (most // 2 if most > MOST_OBJECTS else 0)


def _joined(layers: dict[int, np.ndarray], where: Path) -> np.ndarray:
    sizes = {mask.shape for mask in layers.values()}
    if len(sizes) != 1 or max(layers) >= VOID:
        raise DataError("objects of one frame that differ in size, or too many", where=where)
    return flatten(layers, next(iter(sizes)))


def _solid(values: np.ndarray) -> frozenset[int]:
    """Values that fill 3 x 3 pixels."""
    window = np.ones((3, 3), np.uint8)
    same = cv2.erode(values, window, borderValue=VOID) == cv2.dilate(values, window, borderValue=0)
    inner = np.zeros_like(same)
    inner[1:-1, 1:-1] = same[1:-1, 1:-1]
    return _values_in(values[inner])


def _values_in(values: np.ndarray) -> frozenset[int]:
    counts = np.bincount(values.ravel(), minlength=256)
    return frozenset(int(value) for value in np.flatnonzero(counts) if value)
