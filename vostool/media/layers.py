"""Layered masks: one plane per object, so that objects may overlap.

Where one label per pixel is needed, the smaller object lies on top: a part, or what is held in a
hand, is smaller than what it lies on. Of equal areas the lower id lies on top.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vostool.core.errors import DataError
from vostool.core.types import EncodedMask, Layer, MaskEncoding
from vostool.media.images import image_size
from vostool.media.masks import read_mask
from vostool.media.rle import decode_runs


def read_layer(layer: Layer) -> np.ndarray:
    """The object's pixels, bool `[H, W]`.

    Raises:
        DataError: unreadable, or of another size than it says.
    """
    if isinstance(layer.source, EncodedMask):
        try:
            return decode_runs(layer.source)
        except ValueError as error:
            raise DataError(
                f"the run-length code of object {layer.id} cannot be read, {error}",
                where=layer.where,
                remedy="download the annotations again, or correct the file",
            ) from error
    return read_mask(layer.source, MaskEncoding.BINARY).astype(bool)


def layer_size(layer: Layer) -> tuple[int, int]:
    """Height and width, without decoding."""
    if isinstance(layer.source, EncodedMask):
        return layer.source.size
    return image_size(layer.source)


def flatten(layers: Mapping[int, np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """One id per pixel, uint8 `[H, W]`; of overlapping objects the smaller one.

    Args:
        layers: bool `[H, W]` per id.
    """
    areas = {number: int(np.count_nonzero(mask)) for number, mask in layers.items()}
    ids = np.zeros(size, np.uint8)
    for number in sorted(layers, key=lambda number: (-areas[number], -number)):
        ids[layers[number]] = number
    return ids


def unflatten(ids: np.ndarray, wanted: tuple[int, ...]) -> dict[int, np.ndarray]:
    """Planes, bool `[H, W]` per wanted id, of a mask with one id per pixel."""
    return {number: ids == number for number in wanted}
