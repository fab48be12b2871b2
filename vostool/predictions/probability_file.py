"""One frame's probabilities in a file: quantised planes, the ids they stand for, and a digest.

A file is an `.npz` archive (zip with deflate, numpy's own container) of two arrays: `planes` uint8
`[K+1, H, W]` and `ids` uint8 `[K]`. The archive's comment, which ends the file, holds the SHA-256
of all bytes before it. Files of before that have none, and zip's checksums alone.

Measured on 480p frames with three objects and soft stride-4 boundaries: 80 to 170 times smaller
than float32 planes and 4 ms to read, the digest 0.04 ms of it (benchmarks/bench_safety.py);
PNG-packed planes were as small but twice as slow, delta filters gained nothing.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import os
import struct
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from vostool.core.errors import DataError
from vostool.core.files import atomic_path
from vostool.core.reading import open_regular
from vostool.core.types import VOID, ObjectIds

DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    KeyError,
    ValueError,
    EOFError,
    OSError,
    RuntimeError,
    DataError,
)
"""What zipfile and numpy raise on damaged or hostile archives."""
MARK = b"vostool sha256 "
COMMENT_LENGTH = len(MARK) + 2 * hashlib.sha256().digest_size
_PIECE = 2**20


def write_probabilities(path: Path, planes: np.ndarray, ids: ObjectIds) -> None:
    """Write uint8 `[K+1, H, W]` planes, background first, then in the order of `ids`, atomically.

    The file is not made durable: they are many.

    Raises:
        ValueError: planes of another type, or of another number of objects.
    """
    if planes.dtype != np.uint8 or planes.ndim != 3 or len(planes) != len(ids) + 1:
        raise ValueError(
            f"planes must be uint8 [{len(ids) + 1}, H, W], got {planes.dtype} {tuple(planes.shape)}"
        )
    buffer = io.BytesIO()
    np.savez_compressed(buffer, planes=planes, ids=np.array(ids.values, np.uint8))
    # The last two bytes of an archive without a comment are the comment's length, 0.
    content = buffer.getvalue()[:-2] + struct.pack("<H", COMMENT_LENGTH)
    with atomic_path(path, durable=False) as temporary:
        temporary.write_bytes(content + _comment(hashlib.sha256(content).hexdigest()))


def read_probabilities(path: Path, size: tuple[int, int] | None) -> tuple[np.ndarray, ObjectIds]:
    """Planes of that size with their ids; the ids alone (and planes of 0x0) where none is given.

    Raises:
        DataError: missing, damaged, or not what this tool writes.
    """
    if not path.exists():
        raise DataError(
            "no probabilities for this frame",
            where=path,
            remedy="run vostool infer with --save-probabilities",
        )
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            _refuse_changed(file, archive.comment)
            ids = ObjectIds(tuple(_read_array(archive, "ids").tolist()))
            if size is None:
                return np.empty((len(ids) + 1, 0, 0), np.uint8), ids
            planes = _read_array(archive, "planes", size)
    except DAMAGED as error:
        what = error.what if isinstance(error, DataError) else error
        raise DataError(
            "probabilities cannot be read",
            where=path,
            remedy=f"the file is damaged ({what}); delete it and run infer with --resume",
        ) from error
    if len(planes) != len(ids) + 1:
        raise DataError(
            f"{len(planes)} planes for {len(ids)} objects", where=path, remedy="run infer again"
        )
    return planes, ids


def _refuse_changed(file: BinaryIO, comment: bytes) -> None:
    """Compare an open file with the digest in its comment, where it has one."""
    if not comment.startswith(MARK):
        return
    rest = file.seek(0, os.SEEK_END) - len(comment)
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(min(rest, _PIECE)):
        digest.update(piece)
        rest -= len(piece)
    if comment != _comment(digest.hexdigest()):
        raise ValueError("it is not what was written")


def _comment(digest: str) -> bytes:
    return MARK + digest.encode()


def _read_array(
    archive: zipfile.ZipFile, name: str, size: tuple[int, int] | tuple[()] = ()
) -> np.ndarray:
    """A uint8 array of an archive; its header is judged before anything is decompressed.

    Args:
        size: of all axes but the first, which has at most one entry per id.
    """
    item = archive.getinfo(f"{name}.npy")
    if item.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("packed in a way that expands without bound")
    with archive.open(item) as stream:
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):
            raise ValueError(f"unexpected array format {version}")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        if dtype != np.uint8 or len(shape) != 1 + len(size) or fortran:
            raise ValueError(f"{name} is {dtype} {shape}")
        if shape[0] > VOID or shape[1:] != size:
            wanted = f"the mask beside it of {size}" if size else f"at most {VOID} ids are possible"
            raise ValueError(f"{name} is of shape {shape}, {wanted}")
        count = int(np.prod(shape, dtype=np.int64))
        content = stream.read(count)
        # Zip's checksum is compared at the end of an entry only.
        if len(content) != count or stream.read(1):
            raise ValueError(f"{name} is cut short or too long")
    return np.frombuffer(content, np.uint8).reshape(shape)
