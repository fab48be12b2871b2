"""Masks that a page sends: checked, and written as palette PNG."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from vostool.core.errors import DataError
from vostool.core.output import Output
from vostool.core.types import VOID
from vostool.media.masks import write_mask
from vostool.media.png_checksums import SIGNATURE

NO_PNG = "what was sent is no PNG file"
AFTER_SIZE = 24
"""Where width and height end in a PNG file."""


@dataclass(frozen=True)
class SavedMask:
    """A mask that was written.

    Attributes:
        frame: name of its frame.
        file: where it is.
        ids: of the objects in it.
    """

    frame: str
    file: Path
    ids: tuple[int, ...]

    def __str__(self) -> str:
        objects = f"object{'s' if len(self.ids) > 1 else ''} {', '.join(map(str, self.ids))}"
        return f"{self.file} (frame {self.frame}: {objects})"


class MaskFiles:
    """Files of the masks of several frames: the first that is saved has the name asked for.

    Args:
        output: that file, whose folder also gets those of further frames, as NAME-FRAME.png.
        inputs: files and folders that are read.

    Raises:
        UsageError, OutputError: as `Output.claim_file`.
    """

    def __init__(self, output: Output, inputs: tuple[Path, ...] = ()):
        self._output, self._inputs = output, inputs
        self.saved: dict[str, SavedMask] = {}
        output.claim_file("mask", inputs)

    def save(self, frame: str, size: tuple[int, int], data: bytes) -> SavedMask:
        """Check a PNG file and write its ids; again for the same frame replaces it.

        Args:
            size: height and width of the frame.

        Raises:
            DataError: no 8-bit PNG of one value per pixel, of another size, or without an object.
            UsageError, OutputError: the file exists, or cannot be written.
        """
        ids = decode_ids(data, size)
        file = self._file(frame)
        write_mask(file, ids)
        numbers = tuple(int(number) for number in np.unique(ids) if number)
        self.saved[frame] = SavedMask(frame, file, numbers)
        return self.saved[frame]

    def _file(self, frame: str) -> Path:
        if frame in self.saved:
            return self.saved[frame].file
        path = self._output.path
        if self.saved:
            path = path.with_name(f"{path.stem}-{frame}{path.suffix}")
        return replace(self._output, path=path).claim_file("mask", self._inputs)


def decode_ids(data: bytes, size: tuple[int, int]) -> np.ndarray:
    """Ids uint8 `[H, W]` of a PNG file whose values are object ids.

    Nothing is decoded before its header fits.

    Raises:
        DataError: it is none, or is of another size, or holds 255 or no object.
    """
    if not data.startswith(SIGNATURE) or len(data) < AFTER_SIZE:
        raise DataError(NO_PNG)
    width, height = struct.unpack_from(">II", data, AFTER_SIZE - 8)
    if (height, width) != size:
        raise DataError(
            f"the mask is {height} x {width}, but the frame is {size[0]} x {size[1]} "
            "(height x width)"
        )
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            ids = np.array(image) if image.mode in ("P", "L") else np.zeros(0, np.uint16)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise DataError(NO_PNG) from None
    if ids.shape != size or ids.dtype != np.uint8:
        raise DataError("the mask must hold one object id of 8 bits per pixel")
    if not ids.any():
        raise DataError("the mask holds no object", remedy="paint one")
    if (ids == VOID).any():
        raise DataError(f"{VOID} is no object's id")
    return ids
