"""Reading RGB images, from image files and from movie files.

OpenCV decodes JPEG in less than half of Pillow's time, to the same values, but fills the rest of a
truncated file with grey; so it gets complete files only, and Pillow, which reports damage, the
others. An orientation tag is not applied: masks are drawn on the pixels as they are stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from vostool.core.errors import DataError
from vostool.core.reading import open_regular
from vostool.core.types import Frame
from vostool.media.movie import MovieReader, movie_size

MAX_PIXELS = 64_000_000
"""Larger images are refused before they are decoded."""

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm"})
"""Suffixes, in lower case, of the files that are taken for images."""

FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "PPM")
"""What those files may hold, whatever their suffix. Pillow knows more: EPS starts Ghostscript."""


@contextmanager
def open_image(path: Path) -> Iterator[Image.Image]:
    """Open an image lazily: its header is read and its size checked, its pixels are not decoded.

    Errors of decoding inside the block are explained too.

    Raises:
        DataError: the file is missing, no regular file, empty, damaged, not of `FORMATS`, or above
            `MAX_PIXELS`.
    """
    try:
        with (
            open_regular(path, missing="check the data set (vostool check-data)") as file,
            Image.open(file, formats=FORMATS) as image,
        ):
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise DataError(
                    f"the image has {height} x {width} pixels, more than {MAX_PIXELS:,}",
                    where=path,
                    remedy="make it smaller",
                )
            yield image
    except DataError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DataError(
            f"the image has more than {MAX_PIXELS:,} pixels", where=path, remedy="make it smaller"
        ) from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> DataError:
    try:
        empty = path.stat().st_size == 0
    except OSError:
        empty = False
    what = "the file is empty" if empty else f"the image cannot be read, {_reason(error)}"
    return DataError(what, where=path, remedy="the file is damaged: copy or download it again")


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return f"it is none of {', '.join(FORMATS)}"
    return str(error) or type(error).__name__


def read_image(path: Path) -> np.ndarray:
    """Read an image file.

    Returns:
        uint8 `[H, W, 3]`, RGB, C-contiguous and writable.

    Raises:
        DataError: the file is missing, empty, truncated, not an image, or too large.
    """
    path = Path(path)
    with open_image(path) as image:
        if image.format == "JPEG" and image.mode in ("RGB", "L"):
            quick = _decode_complete_jpeg(path)
            if quick is not None:
                return quick
        if image.mode.startswith("I;16"):
            return np.repeat((np.asarray(image) >> 8).astype(np.uint8)[..., None], 3, axis=2)
        if image.mode == "P":  # by way of RGBA, because Pillow warns of transparency otherwise
            return np.array(image.convert("RGBA").convert("RGB"))
        return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def _decode_complete_jpeg(path: Path) -> np.ndarray | None:
    """Decode a JPEG that ends as it should; None if it does not."""
    data = path.read_bytes()
    end_of_image, padding = b"\xff\xd9", 64
    if end_of_image not in data[-padding:]:
        return None
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    return cv2.imdecode(np.frombuffer(data, np.uint8), flags)


def image_size(path: Path) -> tuple[int, int]:
    """Height and width of an image file, from its header alone.

    Raises:
        DataError: as `read_image`, except for damage behind the header.
    """
    with open_image(Path(path)) as image:
        width, height = image.size
    return height, width


def read_frame(frame: Frame) -> np.ndarray:
    """Read one frame of a video, uint8 `[H, W, 3]` RGB.

    A movie file is decoded from its start, because seeking is not exact in all containers: to run
    through a video use `reader.FrameReader`.

    Raises:
        DataError: as `read_image`, or the movie has no such frame.
    """
    if frame.movie_index is None:
        return read_image(frame.image)
    with MovieReader(frame.image) as movie:
        return movie.read(frame.movie_index)


def frame_size(frame: Frame) -> tuple[int, int]:
    """Height and width of a frame, without decoding where the format allows it."""
    if frame.movie_index is None:
        return image_size(frame.image)
    return movie_size(frame.image)
