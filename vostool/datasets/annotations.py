"""Reading what is annotated in a frame, be it one mask for all objects or one per object."""

from __future__ import annotations

import numpy as np

from vostool.core.errors import DataError
from vostool.core.types import Frame, Video
from vostool.media.images import frame_size, image_size
from vostool.media.layers import flatten, layer_size, read_layer
from vostool.media.masks import read_mask


def read_annotation(video: Video, frame: Frame) -> np.ndarray:
    """One id per pixel, uint8 `[H, W]` (void is 0); of overlapping objects the smaller one.

    Raises:
        DataError: unreadable, or objects whose masks differ in size.
        ValueError: the frame is not annotated.
    """
    if frame.annotation is not None:
        return read_mask(frame.annotation, video.encoding)
    layers = read_layers(frame)
    size = annotation_size(frame) or frame_size(frame)
    return flatten(layers, size)


def read_layers(frame: Frame) -> dict[int, np.ndarray]:
    """The masks of the objects apart, bool `[H, W]` per id; absent objects are left out.

    Raises:
        DataError: unreadable, or of differing sizes.
        ValueError: the frame has no masks apart.
    """
    if frame.layers is None:
        raise ValueError(f"frame {frame.name} has no masks of single objects")
    layers = {}
    size = annotation_size(frame)
    for layer in frame.layers:
        mask = read_layer(layer)
        if mask.shape != size:
            raise DataError(
                f"the mask of object {layer.id} is {mask.shape[0]} x {mask.shape[1]}, but that of "
                f"object {frame.layers[0].id} in frame {frame.name} is {size}",
                where=layer.where,
                remedy="give all masks at the size of the frame",
            )
        layers[layer.id] = mask
    return layers


def annotation_size(frame: Frame) -> tuple[int, int] | None:
    """Height and width of the masks, without decoding; None where there is none."""
    if frame.annotation is not None:
        return image_size(frame.annotation)
    return layer_size(frame.layers[0]) if frame.layers else None


def annotation_place(frame: Frame) -> str | None:
    """Where the annotation is, for messages."""
    if frame.annotation is not None:
        return str(frame.annotation)
    return frame.layers[0].where if frame.layers else None
