"""Object masks as files: 8-bit palette PNG whose indices are object ids, exactly.

The palette is the one of PASCAL VOC and DAVIS: the bits of an index are dealt out to red, green
and blue, most significant first. Only the indices matter to scorers; colours are for people.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from vostool.core.errors import DataError
from vostool.core.files import atomic_path
from vostool.core.listing import some
from vostool.core.types import VOID, MaskEncoding
from vostool.media.images import MAX_PIXELS, open_image
from vostool.media.png_checksums import SIGNATURE, damaged_chunk


def _make_palette() -> np.ndarray:
    """The colours, uint8 `[256, 3]`: bit 3b + c of an index is bit 7 - b of channel c."""
    index = np.arange(256)
    palette = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        channel, level = bit % 3, 7 - bit // 3
        palette[:, channel] |= (((index >> bit) & 1) << level).astype(np.uint8)
    palette.setflags(write=False)
    return palette


DAVIS_PALETTE = _make_palette()
"""uint8 `[256, 3]`, read-only: the colour of each object id."""

_ALIASES = {191: 192}
"""DAVIS's own palette file rounds this channel value down."""

_SUB_BYTE_GREY = {"L;2": 85, "L;4": 17}
"""Pillow stretches 2-bit and 4-bit grey values to 0..255 by these factors."""

MOST_OBJECTS = 32
"""Masks with more values than this are taken for grey levels, not for objects, in messages."""


def read_mask(path: Path, encoding: MaskEncoding = MaskEncoding.INDEXED) -> np.ndarray:
    """Read a mask file.

    Palette images give their indices whatever the colours; grey images (also with alpha, which is
    dropped) give their values; RGB images are translated if all colours are in `DAVIS_PALETTE`.

    Args:
        encoding: INDEXED: ids as stored, void (255) becomes 0. BINARY: non-zero becomes 1.

    Returns:
        uint8 `[H, W]`, C-contiguous and writable.

    Raises:
        DataError: missing, empty, truncated or too large file; colours that stand for no object;
            values above 255; a lossy format with object ids.
    """
    values = _read_values(Path(path), encoding)
    if encoding is MaskEncoding.BINARY:
        return (values != 0).astype(np.uint8)
    values[values == VOID] = 0
    return values


class NotBinaryError(DataError):
    """A predicted mask holds several objects, or grey levels, where the data set has one object.

    Attributes:
        values: what it holds besides 0, as text.
    """

    remedy = (
        "this data set has one object, as 0 and 1 or as 0 and 255: make one object of several "
        "first, save masks without smoothing, or name the data set that they were made for"
    )

    def __init__(self, path: Path, values: np.ndarray):
        levels = [int(value) for value in np.unique(values) if value]
        grey = levels[-1] == VOID or len(levels) > MOST_OBJECTS
        shown = ", ".join(map(str, levels))
        self.values = f"{len(levels)} grey levels" if grey else f"ids {shown}"
        super().__init__(
            f"the mask is not of one object: {self.values}", where=path, remedy=type(self).remedy
        )


def read_predicted_mask(path: Path, encoding: MaskEncoding = MaskEncoding.INDEXED) -> np.ndarray:
    """Read a predicted mask: as `read_mask`, but nothing is guessed.

    Args:
        encoding: INDEXED: values as stored, 255 too, which no prediction should hold. BINARY: one
            object as 0 and 1, or as 0 and 255, becomes 0 and 1.

    Raises:
        DataError: as `read_mask`; several objects, or grey levels, where there is one object.
    """
    values = _read_values(Path(path), encoding)
    if encoding is MaskEncoding.INDEXED:
        return values
    largest = int(values.max(initial=0))
    if largest > 1 and not (largest == VOID and bool(((values == 0) | (values == VOID)).all())):
        raise NotBinaryError(path, values)
    return (values != 0).astype(np.uint8)


def _read_values(path: Path, encoding: MaskEncoding) -> np.ndarray:
    with open_image(path) as image:
        if image.format == "PNG":
            _check_checksums(path)
        if image.format == "JPEG" and encoding is MaskEncoding.INDEXED:
            raise DataError(
                "a mask with object ids cannot be a JPEG, which changes pixel values",
                where=path,
                remedy="save it as PNG",
            )
        return _stored_values(image, path, encoding)


def _check_checksums(path: Path) -> None:
    """Raise DataError where a bit of a PNG file has changed; decoding alone would not show it."""
    damaged = damaged_chunk(path.read_bytes())
    if damaged is not None:
        raise DataError(
            f"the image cannot be read, its {damaged} does not fit its checksum",
            where=path,
            remedy="the file is damaged: copy or download it again, or make it anew",
        )


def _stored_values(image: Image.Image, path: Path, encoding: MaskEncoding) -> np.ndarray:
    """Pixel values as uint8 `[H, W]`."""
    if image.mode in ("P", "L", "1"):
        factor = _SUB_BYTE_GREY.get(_raw_mode(image), 1)
        values = np.array(image, dtype=np.uint8)
        return values // factor if factor > 1 else values
    if image.mode in ("LA", "PA"):
        return np.ascontiguousarray(np.asarray(image)[..., 0])
    if image.mode == "I" or image.mode.startswith("I;16"):
        return _narrow(np.asarray(image), path)
    colours = np.asarray(image.convert("RGB"))
    if encoding is MaskEncoding.BINARY:
        return colours.max(axis=2)
    return _ids_of_colours(colours, path)


def _raw_mode(image: Image.Image) -> str:
    """Layout of the stored samples, such as 'L;4'."""
    tiles = getattr(image, "tile", None)
    if not tiles:
        return image.mode
    args = tiles[0].args
    first = args if isinstance(args, str) else (args or (image.mode,))[0]
    return str(first)


def _narrow(values: np.ndarray, path: Path) -> np.ndarray:
    if values.size and values.max() > VOID:
        raise DataError(
            f"a 16-bit mask holds the value {values.max()}, but object ids end at {VOID - 1}",
            where=path,
            remedy="save it as an 8-bit palette PNG",
        )
    return values.astype(np.uint8)


def _ids_of_colours(colours: np.ndarray, path: Path) -> np.ndarray:
    """Object ids of RGB pixels uint8 `[H, W, 3]`."""
    packed = _pack(colours)
    distinct, inverse = np.unique(packed, return_inverse=True)
    known = {int(colour): index for index, colour in enumerate(_pack(DAVIS_PALETTE))}
    for stored, meant in _ALIASES.items():
        aliased = np.where(meant == DAVIS_PALETTE, stored, DAVIS_PALETTE)
        for index, colour in enumerate(_pack(aliased)):
            known.setdefault(int(colour), index)
    unknown = [int(colour) for colour in distinct if int(colour) not in known]
    if unknown:
        named = [str((c >> 16, c >> 8 & 255, c & 255)) for c in unknown]
        raise DataError(
            f"an RGB mask has colours that stand for no object: {some(named)}",
            where=path,
            remedy="save it as a palette PNG whose indices are object ids, without anti-aliasing",
        )
    table = np.array([known[int(colour)] for colour in distinct], np.uint8)
    return table[inverse].reshape(packed.shape)


def _pack(colours: np.ndarray) -> np.ndarray:
    wide = colours.astype(np.uint32)
    return wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]


def write_mask(path: Path, ids: np.ndarray) -> None:
    """Write ids, uint8 `[H, W]`, as an 8-bit palette PNG, all or nothing.

    Equal ids give equal bytes. The file is not made durable: masks are many.

    Raises:
        ValueError: `ids` is not uint8 `[H, W]`.
        OutputError: the file cannot be written.
    """
    data = encode_mask(ids)
    with atomic_path(Path(path), durable=False) as temporary:
        temporary.write_bytes(data)


def encode_mask(ids: np.ndarray) -> bytes:
    """The bytes of the PNG file that `write_mask` writes.

    Rows are stored as differences to the row above: masks change little from row to row, so that
    run-length coding, the fastest setting of zlib, is enough.

    Raises:
        ValueError: `ids` is not uint8 `[H, W]`, or is empty or too large.
    """
    if ids.dtype != np.uint8 or ids.ndim != 2:
        raise ValueError(f"a mask must be uint8 [H, W], got {ids.dtype} {list(ids.shape)}")
    height, width = ids.shape
    if not 0 < height * width <= MAX_PIXELS:
        raise ValueError(f"a mask of {height} x {width} pixels cannot be written")
    filter_up = 2
    rows = np.empty((height, width + 1), np.uint8)
    rows[:, 0] = filter_up
    rows[0, 1:] = ids[0]
    np.subtract(ids[1:], ids[:-1], out=rows[1:, 1:])
    packer = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, 8, zlib.Z_RLE)
    packed = packer.compress(rows.data) + packer.flush()
    depth, palette_colour = 8, 3
    header = struct.pack(">IIBBBBB", width, height, depth, palette_colour, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", DAVIS_PALETTE.tobytes()), (b"IDAT", packed))
    return SIGNATURE + b"".join(_chunk(*item) for item in (*chunks, (b"IEND", b"")))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
