"""Is this file the published one?"""

from __future__ import annotations

import hashlib
from pathlib import Path

from vostool.core.console import progress
from vostool.core.errors import DataError
from vostool.downloads.catalogue import Archive

BLOCK = 1 << 22


def verify(archive: Archive, path: Path) -> None:
    """Compare a file's size and digest with the published ones; a wrong file is deleted.

    Raises:
        DataError: the file is another one; it says which figure differs.
    """
    size = path.stat().st_size
    if archive.size is not None and size != archive.size:
        raise _deleted(archive, path, f"has {size} bytes instead of {archive.size}")
    algorithm, published = ("sha256", archive.sha256) if archive.sha256 else ("md5", archive.md5)
    if not published:
        return
    found = digest(path, algorithm)
    if found != published.lower():
        name = {"sha256": "SHA-256", "md5": "MD5"}[algorithm]
        raise _deleted(archive, path, f"is corrupted: its {name} is {found} instead of {published}")


def digest(path: Path, algorithm: str) -> str:
    """Lower-case hexadecimal digest of a file; `algorithm` as for `hashlib.new`."""
    state = hashlib.new(algorithm, usedforsecurity=False)
    blocks = -(-path.stat().st_size // BLOCK)
    with open(path, "rb") as file, progress("verifying", blocks, unit="blocks") as bar:
        while block := file.read(BLOCK):
            state.update(block)
            bar.advance()
    return state.hexdigest()


def megabytes(count: int) -> str:
    """A number of bytes for people, in units of 10^6 bytes."""
    return f"{count / 1e6:.1f} MB"


def _deleted(archive: Archive, path: Path, problem: str) -> DataError:
    path.unlink(missing_ok=True)
    return DataError(
        f"{archive.file} {problem}; it was deleted",
        where=path,
        remedy="run the same command again; if it happens twice, the server's file has changed",
    )
