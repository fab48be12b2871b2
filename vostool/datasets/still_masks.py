"""Masks of stills that are files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vostool.core.types import MaskEncoding
from vostool.media.images import open_image
from vostool.media.masks import read_mask

HALF = 128
"""Grey level from which a lossy or anti-aliased binary mask counts as object."""


@dataclass(frozen=True)
class IndexedMask:
    """A file whose pixel values are object ids; 255 is void."""

    path: Path

    def __call__(self) -> np.ndarray:
        return read_mask(self.path)


@dataclass(frozen=True)
class AnyMask:
    """A file that holds object ids or, as saliency sets do, one object in white on black.

    Told apart by what is in it. Palette images are indexed. Among the others (grey, RGB, JPEG),
    one that reaches 128 is taken for white on black and cut at 128, which also removes the
    grey fringe of anti-aliasing and of JPEG; so grey images with more than 127 objects are not
    understood.
    """

    path: Path

    def __call__(self) -> np.ndarray:
        with open_image(self.path) as image:
            palette, lossy = image.mode == "P", image.format == "JPEG"
            grey_file = image.mode in ("L", "LA") or lossy
            grey = None if palette else np.array(image.convert("L"))
            coloured = not grey_file and image.mode != "1"
            if coloured and grey is not None:
                pixels = np.asarray(image.convert("RGB"))
                coloured = bool((pixels != pixels[..., :1]).any())
        if palette:
            indexed = read_mask(self.path)
            return indexed if indexed.any() else read_mask(self.path, MaskEncoding.BINARY)
        if grey is None or coloured:
            return read_mask(self.path)
        if grey.max(initial=0) >= HALF or lossy:
            return (grey >= HALF).astype(np.uint8)
        return grey
