"""One owner per output folder: two processes in it would lose or mix each other's results.

The owner holds a lock of the operating system on a small file in the folder that says who it is.
The system gives the lock back when the process ends, however it ends, so that what a killed process
left is no obstacle. Where the file system has no locks, the file alone counts: an owner on this
host is looked up by its process, one on another host is believed.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vostool.core.errors import DataError, OutputError
from vostool.core.files import PARTIAL, explain_write_errors
from vostool.core.reading import read_json

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

NAME = ".vostool-lock"
WHOLE = ""
_ATTEMPTS = 10


def without_locks(paths: Iterable[Path]) -> list[Path]:
    """What a folder holds besides such files, and besides what a killed process left half-done."""
    return [path for path in paths if not path.name.startswith((NAME, PARTIAL))]


@contextmanager
def sole_owner(folder: Path, part: str = WHOLE) -> Iterator[None]:
    """Own a folder inside the block; it is made if need be, and removed again if it stays empty.

    Args:
        part: of a run that several processes share, such as "0-of-2". Parts of equal numbers of
            processes are one owner.

    Raises:
        OutputError: another process owns the folder, or it cannot be written.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        yield  # for the sentence of whoever claims it
        return
    new = _missing(folder)
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / (f"{NAME}.{part}" if part else NAME)
        handle = _take(path)
    try:
        for other in folder.glob(f"{NAME}*"):
            if other != path and not _shared(part, other) and not _is_stale(other):
                raise _owned(other)
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)
        for made in new:
            if made.is_dir() and not any(made.iterdir()):
                made.rmdir()


def _missing(folder: Path) -> list[Path]:
    """The folder and those above it that do not exist yet, innermost first."""
    return [path for path in (folder, *folder.parents) if not path.exists()]


def _shared(part: str, other: Path) -> bool:
    """Whether another lock belongs to another process of the same run."""
    theirs = other.name.removeprefix(NAME).removeprefix(".")
    return bool(part and theirs) and part.split("-of-")[1:] == theirs.split("-of-")[1:]


def _take(path: Path) -> int:
    """Open, lock and fill the file."""
    for _ in range(_ATTEMPTS):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        try:
            if not _lock(handle, path):
                raise _owned(path)
            # The last owner may have removed it between the two calls.
            if path.exists() and os.path.samestat(os.fstat(handle), path.stat()):
                os.ftruncate(handle, 0)
                os.write(handle, json.dumps(_me()).encode())
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
    raise _owned(path)


def _is_stale(path: Path) -> bool:
    """Whether nobody owns this lock any more; then it is removed."""
    try:
        handle = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return True
    try:
        stale = _lock(handle, path)
        if stale:
            path.unlink(missing_ok=True)
        return stale
    finally:
        os.close(handle)


def _lock(handle: int, path: Path) -> bool:
    """Lock an open file; False if a living process has it."""
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        pass
    return not _lives(_owner(path))


def _me() -> dict[str, Any]:
    return {"host": socket.gethostname(), "process": os.getpid()}


def _owner(path: Path) -> dict[str, Any]:
    """What the file says; empty where it says nothing."""
    try:
        value = read_json(path)
    except DataError:
        return {}
    return value if isinstance(value, dict) else {}


def _lives(owner: dict[str, Any]) -> bool:
    if owner.get("host") != socket.gethostname():
        return bool(owner)
    process = owner.get("process")
    if not isinstance(process, int) or process <= 0:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _owned(path: Path) -> OutputError:
    owner = _owner(path)
    who = f"process {owner.get('process')} on {owner.get('host')}" if owner else "another process"
    return OutputError(
        f"{who} is writing into this folder",
        where=path.parent,
        remedy=f"wait for it, or choose another folder; if it is no more, remove {path.name} there",
    )
