"""Whether one predicted mask fits its frame: size, ids, and what its pixel values mean."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from vostool.core.errors import DataError
from vostool.core.types import Video
from vostool.media.images import read_frame
from vostool.predictions.folder import PredictionFolder


def size_difference(found: tuple[int, ...], wanted: tuple[int, ...]) -> str | None:
    """How a mask's size (height, width) differs from the frame's; None where it does not."""
    if tuple(found) == tuple(wanted):
        return None
    return f"{found[0]}x{found[1]} instead of {wanted[0]}x{wanted[1]}"


def unknown_ids(found: Iterable[int], known: Iterable[int]) -> list[int]:
    """Ids of a mask that its video does not have, ascending."""
    return sorted(set(found) - set(known) - {0})


def read_of_size(
    folder: PredictionFolder, video: Video, frame_name: str, size: tuple[int, int]
) -> np.ndarray:
    """Predicted ids of a frame, uint8 `[H, W]`.

    Args:
        size: height and width of the frame.

    Raises:
        DataError: the mask cannot be read, or has another size.
    """
    ids = folder.mask(video.name, frame_name, video.encoding)
    difference = size_difference(ids.shape, size)
    if difference is not None:
        raise DataError(
            f"the mask has the wrong size, {difference}",
            where=folder.mask_path(video.name, frame_name),
            remedy="predictions must have the size of the original frames",
        )
    return ids


def read_over_frame(
    folder: PredictionFolder, video: Video, frame_name: str
) -> tuple[np.ndarray, np.ndarray]:
    """Frame uint8 RGB `[H, W, 3]` and its predicted ids uint8 `[H, W]`.

    Raises:
        DataError: one of them cannot be read, or their sizes differ.
    """
    image = read_frame(video.frames[video.index(frame_name)])
    return image, read_fitting(folder, video, frame_name, image)


def read_fitting(
    folder: PredictionFolder, video: Video, frame_name: str, image: np.ndarray
) -> np.ndarray:
    """As `read_of_size`, for a frame whose image, `[H, W, 3]`, is there already."""
    return read_of_size(folder, video, frame_name, (image.shape[0], image.shape[1]))
