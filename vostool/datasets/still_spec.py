"""What training needs to know of a source of still images with masks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from vostool.core.errors import DataError
from vostool.media.images import read_image

SHAPE_TOLERANCE = 0.005
"""Largest relative difference of height / width for a mask of another resolution."""


class MaskSource(Protocol):
    """Gives the mask of a still when called; a picklable object, so that worker processes can."""

    def __call__(self) -> np.ndarray:
        """Object ids, uint8 `[H, W]`, 0 = background. Raises DataError naming the file."""
        ...


@dataclass(frozen=True)
class Still:
    """One image with the masks of its objects.

    Attributes:
        name: unique within its source.
        image: image file.
        mask: reads or draws the mask.
        group: the video that it is a frame of, or "".
    """

    name: str
    image: Path
    mask: MaskSource
    group: str = ""

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Image uint8 `[H, W, 3]` RGB, and ids uint8 `[H, W]`.

        A mask of the image's shape at another resolution, as some sets ship them, is brought to
        the image's size.

        Raises:
            DataError: unreadable, or image and mask differ in shape.
        """
        image, mask = read_image(self.image), self.mask()
        height, width = image.shape[:2]
        if mask.shape == (height, width):
            return image, mask
        if abs(mask.shape[0] * width / (mask.shape[1] * height) - 1) > SHAPE_TOLERANCE:
            raise DataError(
                f"the image is {height} x {width}, but its mask is "
                f"{mask.shape[0]} x {mask.shape[1]} (height x width)",
                where=self.image,
                remedy="leave the image out or correct its mask",
            )
        return image, cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)


@dataclass(frozen=True)
class StillSpec:
    """One kind of still-image source.

    Attributes:
        name: as on the command line.
        title: one line for people.
        load: `root -> stills`, sorted by name, without decoding; raises DataError.
    """

    name: str
    title: str
    load: Callable[[Path], list[Still]]
