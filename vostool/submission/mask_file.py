"""Judging one mask as the bytes of a PNG file, without decoding more than its header promises."""

from __future__ import annotations

import io
import lzma
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from vostool.core.errors import DataError
from vostool.core.reading import open_regular
from vostool.core.types import VOID
from vostool.media.masks import read_mask
from vostool.predictions.mask_fit import unknown_ids
from vostool.submission.expected import ExpectedVideo

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER_BYTES = 33
"""Signature and IHDR chunk."""
PALETTE = 3
MODES = {0: "grey", 2: "RGB", PALETTE: "palette", 4: "grey with alpha", 6: "RGBA"}
SPARE_BYTES = 1 << 16
UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    NotImplementedError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
"""What Pillow and zipfile raise on damaged or hostile files."""


class MaskProblem(Exception):
    """Why a mask is not acceptable, as the end of a sentence that begins with the file's name."""


def largest_file(size: tuple[int, int]) -> int:
    """Bytes that no honest PNG of this size exceeds, whatever its mode."""
    height, width = size
    return 8 * (width + 1) * height + SPARE_BYTES


def check_header(data: bytes, size: tuple[int, int], *, palette: bool) -> int:
    """Check signature, size and mode from the first `HEADER_BYTES` bytes.

    Args:
        palette: whether modes other than palette are a problem.

    Returns:
        The PNG colour type.

    Raises:
        MaskProblem: not a PNG, another size, another mode.
    """
    if not data.startswith(SIGNATURE):
        kind = "a JPEG" if data.startswith(b"\xff\xd8") else "an empty file" if not data else None
        raise MaskProblem("is not a PNG" + (f" but {kind}" if kind else ""))
    if len(data) < HEADER_BYTES or data[12:16] != b"IHDR":
        raise MaskProblem("is a damaged PNG: its header is incomplete")
    width, height, _, colour = struct.unpack(">IIBB", data[16:26])
    if (height, width) != size:
        raise MaskProblem(
            f"is {height} x {width} pixels, but {size[0]} x {size[1]} (height x width) is wanted"
        )
    if palette and colour != PALETTE:
        raise MaskProblem(
            f"is not palette-indexed but {MODES.get(colour, 'of an unknown mode')}; pixel values "
            "must be object ids"
        )
    return colour


def decode(data: bytes, size: tuple[int, int]) -> np.ndarray:
    """Stored values of a palette or grey PNG, uint8 `[H, W]`, after `check_header`.

    Raises:
        MaskProblem: damaged.
    """
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            image.verify()
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if (image.height, image.width) != size:
                raise MaskProblem("is a damaged PNG: it has two headers")
            values = np.asarray(image)
    except UNREADABLE as error:
        raise MaskProblem(f"is a damaged PNG ({error})") from None
    return values[..., 0] if values.ndim == 3 else values


def check_ids(ids: np.ndarray, video: ExpectedVideo, frame: str) -> None:
    """Check that every id of a uint8 mask `[H, W]` exists and has begun by this frame.

    Raises:
        MaskProblem: unknown ids; an object before its first frame.
    """
    counts = np.bincount(ids.ravel(), minlength=256)
    found = {int(value) for value in np.flatnonzero(counts) if value}
    unknown = unknown_ids(found, video.starts)
    if unknown:
        known = ", ".join(map(str, sorted(video.starts))) or "none"
        void = "; 255 means void in ground truth, not an object" if VOID in unknown else ""
        raise MaskProblem(
            f"has the object id {', '.join(map(str, unknown[:5]))}, which video {video.name} does "
            f"not have (its ids: {known}){void}"
        )
    for value in sorted(found - video.allowed[frame]):
        raise MaskProblem(
            f"has {int(counts[value])} pixels of object {value}, which first appears in frame "
            f"{video.starts[value]}"
        )


def check_mask(data: bytes, video: ExpectedVideo, frame: str) -> None:
    """Check one mask of an archive: a palette PNG of the right size with ids that exist.

    Raises:
        MaskProblem: the first problem found.
    """
    check_header(data, video.size, palette=True)
    if len(data) > largest_file(video.size):
        raise MaskProblem(f"expands to more bytes than any mask of {video.size} pixels has")
    check_ids(decode(data, video.size), video, frame)


def read_prediction(
    path: Path, video: ExpectedVideo, frame: str
) -> tuple[bytes, np.ndarray | None]:
    """Read and check one predicted mask.

    Returns:
        The file's bytes, and None if they can be submitted as they are; else the ids, uint8
        `[H, W]`, of a mask in another mode whose values or colours stand for ids exactly.

    Raises:
        MaskProblem: the first problem found.
    """
    try:
        with open_regular(path) as file:
            data = file.read(largest_file(video.size) + 1)
    except OSError as error:
        raise MaskProblem(f"cannot be read ({error.strerror})") from None
    except DataError as error:
        raise MaskProblem(f"cannot be read ({error.what})") from None
    if check_header(data, video.size, palette=False) == PALETTE:
        check_mask(data, video, frame)
        return data, None
    if len(data) > largest_file(video.size):
        raise MaskProblem(f"is larger than any mask of {video.size} pixels")
    if MODES.get(data[25], "").startswith("grey") and data[24] == 8:
        # Reading as a mask turns void into background; here 255 is more likely a binary mask.
        check_ids(decode(data, video.size), video, frame)
    try:
        ids = read_mask(path)
    except DataError as error:
        raise MaskProblem(f"is not palette-indexed, and {error.what}") from None
    check_ids(ids, video, frame)
    return data, ids


def read_ids(path: Path, video: ExpectedVideo, frame: str) -> np.ndarray:
    """Read and check one predicted mask, uint8 `[H, W]` ids.

    Raises:
        MaskProblem: the first problem found.
    """
    data, ids = read_prediction(path, video, frame)
    return decode(data, video.size) if ids is None else ids
