"""Extracting an archive from the internet without trusting it.

Members are first written into an empty folder inside the target, then moved to their places. Links,
devices, names that leave the folder, encrypted members and archives that expand without bound are
refused; a file that exists already is never written over.
"""

from __future__ import annotations

import errno
import filecmp
import lzma
import os
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from vostool.core.console import progress
from vostool.core.errors import DataError, OutputError
from vostool.core.files import atomic_path, explain_write_errors
from vostool.core.folder_lock import sole_owner

BLOCK = 1 << 20
SPARE_BYTES = 64 << 20
JUNK = frozenset({"__MACOSX", ".DS_Store", "Thumbs.db"})
"""What file managers leave in archives; not extracted."""
NOTES = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)
MOST_NOTES = 1 << 20
DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    UnicodeError,
)


class BadArchive(DataError):
    """The archive itself is damaged or dangerous."""


@dataclass(frozen=True)
class Limits:
    """How much an archive may expand to.

    Attributes:
        files: members.
        total_bytes: sum of all members.
        ratio: sum of all members per byte of archive (pictures hardly compress).
    """

    files: int = 2_000_000
    total_bytes: int = 400 * 10**9
    ratio: float = 200.0


@dataclass(frozen=True)
class _Member:
    name: PurePosixPath
    size: int
    open: Callable[[], IO[bytes]]


def extract(
    archive: Path,
    folder: Path,
    *,
    may_differ: Collection[str] = (),
    limits: Limits | None = None,
) -> dict[str, int]:
    """Extract a zip or tar file into `folder`, all or nothing.

    Args:
        archive: goes by content, not by name.
        folder: made if it does not exist; may hold other files.
        may_differ: member names whose existing file is kept although its content differs.

    Returns:
        Sizes in bytes of all extracted files by their name below `folder`.

    Raises:
        BadArchive: the archive is damaged or dangerous.
        DataError: an existing file has other content.
        OutputError: not enough space, or another process extracts this archive there.
    """
    limits = limits or Limits()
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with _staging(folder, archive) as staging, explain_write_errors(folder):
            sizes = _unpack(archive, staging, limits)
            _put_into_place(archive, staging, folder, sizes, frozenset(may_differ))
    except DAMAGED as error:
        raise _damaged(archive, error) from error
    except OSError as error:
        # bzip2's faults have no number; a damaged place in the archive is an invalid one to read.
        if error.errno in (None, errno.EINVAL):
            raise _damaged(archive, error) from error
        raise
    return sizes


@contextmanager
def _staging(folder: Path, archive: Path) -> Iterator[Path]:
    """An empty folder inside, for one process at a time; what a killed one left in it goes."""
    place = folder / f".extracting-{zlib.crc32(os.fsencode(archive.name)):08x}"
    try:
        with sole_owner(place):
            content = place / "content"
            shutil.rmtree(content, ignore_errors=True)
            content.mkdir()
            try:
                yield content
            finally:
                shutil.rmtree(content, ignore_errors=True)
    finally:
        # Not ours if another process has it: then it is not empty, for its lock is inside.
        with suppress(OSError):
            place.rmdir()


def _damaged(archive: Path, error: Exception) -> BadArchive:
    return BadArchive(
        f"the archive is damaged ({error})", where=archive, remedy="download it again"
    )


def _unpack(archive: Path, staging: Path, limits: Limits) -> dict[str, int]:
    """Write all members below `staging`; returns their sizes."""
    budget = min(limits.total_bytes, int(limits.ratio * archive.stat().st_size))
    sizes: dict[str, int] = {}
    label = f"extracting {archive.name}"
    with _opened(archive) as members, progress(label, members.count, "files") as bar:
        if members.announced is not None:
            _check_space(archive, staging, min(members.announced, budget))
        for member in members.read(archive):
            if str(member.name) in sizes:
                raise _dangerous(archive, str(member.name), "is there twice")
            if len(sizes) >= limits.files:
                raise BadArchive(f"the archive has more than {limits.files} files", where=archive)
            written = _write(member, staging, budget, archive)
            budget -= written
            sizes[str(member.name)] = written
            bar.advance()
    return sizes


def _write(member: _Member, staging: Path, budget: int, archive: Path) -> int:
    written = 0
    with _create(member, staging, archive) as out, member.open() as source:
        while block := source.read(BLOCK):
            written += len(block)
            if written > budget:
                raise BadArchive(
                    "the archive expands far beyond its size",
                    where=archive,
                    remedy="it is not the data set; delete it and check the address",
                )
            out.write(block)
    if written != member.size:
        raise EOFError(f"{member.name} has {written} bytes instead of {member.size}")
    return written


def _create(member: _Member, staging: Path, archive: Path) -> IO[bytes]:
    target = staging.joinpath(*member.name.parts)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return open(target, "xb")
    except (FileExistsError, NotADirectoryError):
        raise _dangerous(archive, str(member.name), "takes another member's place") from None


class _Members:
    """The files of an archive: how many (None = unknown), how large together, and one by one."""

    def __init__(self, handle: zipfile.ZipFile | tarfile.TarFile):
        self._handle = handle
        self.count: int | None = None
        self.announced: int | None = None
        if isinstance(handle, zipfile.ZipFile):
            self.count = sum(not item.is_dir() for item in handle.infolist())
            self.announced = sum(item.file_size for item in handle.infolist())

    def __enter__(self) -> _Members:
        return self

    def __exit__(self, *exception: object) -> None:
        self._handle.close()

    def read(self, archive: Path) -> Iterator[_Member]:
        """All regular files in archive order, junk left out."""
        if isinstance(self._handle, zipfile.ZipFile):
            yield from _zip_members(archive, self._handle)
        else:
            yield from _tar_members(archive, self._handle)


class _Header(tarfile.TarInfo):
    """A member's header; those that only carry a long name or notes are read whole into memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        """As the base class, but such a header of more than `MOST_NOTES` bytes is refused."""
        header = super().frombuf(buf, encoding, errors)
        if header.type in NOTES and header.size > MOST_NOTES:
            raise tarfile.HeaderError(f"a header of {header.size:,} bytes")
        return header


def _opened(archive: Path) -> _Members:
    if zipfile.is_zipfile(archive):
        return _Members(zipfile.ZipFile(archive))
    try:
        # Stream mode reads front to back once; going back and forth in a .tgz would be quadratic.
        return _Members(tarfile.open(archive, "r|*", tarinfo=_Header))
    except tarfile.ReadError as error:
        raise BadArchive(
            "the file is neither a zip nor a tar archive, or is cut off",
            where=archive,
            remedy="download it again",
        ) from error


def _zip_members(archive: Path, handle: zipfile.ZipFile) -> Iterator[_Member]:
    for item in handle.infolist():
        name = _safe_name(archive, item.filename)
        kind = stat.S_IFMT(item.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _dangerous(archive, item.filename, "is a link or a device")
        if item.flag_bits & 0x1:
            raise _dangerous(archive, item.filename, "is encrypted")
        if not item.is_dir() and not JUNK & set(name.parts):
            yield _Member(name, item.file_size, partial(handle.open, item))


def _tar_members(archive: Path, handle: tarfile.TarFile) -> Iterator[_Member]:
    for item in handle:
        name = _safe_name(archive, item.name)
        if not (item.isreg() or item.isdir()):
            raise _dangerous(archive, item.name, "is a link or a device")
        if item.isreg() and not JUNK & set(name.parts):
            yield _Member(name, item.size, partial(_tar_file, handle, item))


def _tar_file(handle: tarfile.TarFile, item: tarfile.TarInfo) -> IO[bytes]:
    source = handle.extractfile(item)
    if source is None:
        raise tarfile.TarError(f"{item.name} has no content")
    return source


def _safe_name(archive: Path, name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    bad = (
        not name
        or path.is_absolute()
        or ".." in path.parts
        or "\\" in name
        or any(ord(character) < 32 for character in name)
        or (path.parts and path.parts[0].endswith(":"))
    )
    if bad:
        raise _dangerous(archive, name, "would leave the folder")
    return path


def _dangerous(archive: Path, name: str, why: str) -> BadArchive:
    return BadArchive(
        f"the archive's member {name!r} {why}, so nothing was extracted",
        where=archive,
        remedy="it is not the published data set; delete it and check the address",
    )


def _check_space(archive: Path, staging: Path, need: int) -> None:
    free = shutil.disk_usage(staging).free
    if free < need + SPARE_BYTES:
        raise OutputError(
            f"not enough space to extract {archive.name}: {need / 1e6:.0f} MB are needed, "
            f"{free / 1e6:.0f} MB are free",
            where=staging.parent,
            remedy="free some space and run the same command again",
        )


def _put_into_place(
    archive: Path, staging: Path, folder: Path, sizes: dict[str, int], may_differ: frozenset[str]
) -> None:
    """Move all files to their places; finds all conflicts before it moves the first one."""
    moves = []
    for name in sizes:
        source, target = staging / name, folder / name
        if not os.path.lexists(target):
            moves.append((source, target))
        elif name not in may_differ and not _same(source, target):
            raise DataError(
                f"{archive.name} brings a file that is already there with other content, and "
                "nothing is overwritten",
                where=target,
                remedy="move the existing one away, or choose another --root",
            )
    for source, target in moves:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise OutputError("a file is in the way of a folder", where=target.parent) from error
        _move(source, target)


def _same(source: Path, target: Path) -> bool:
    return target.is_file() and filecmp.cmp(source, target, shallow=False)


def _move(source: Path, target: Path) -> None:
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # A folder of the data set is a link to another disk.
        with atomic_path(target, durable=False) as temporary:
            shutil.copyfile(source, temporary)
