"""Writing that is all or nothing."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from vostool.core.durable import sync
from vostool.core.errors import OutputError

try:
    import fcntl
except ImportError:  # not on Windows, where files that are left behind stay
    fcntl = None  # type: ignore[assignment]

STANDARD_OUTPUT = Path("-")
"""A target of text that stands for standard output."""
PARTIAL = ".partial-"


@contextmanager
def atomic_path(target: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `target`, renamed onto it if the block succeeds.

    The temporary name keeps the suffix of `target`, so that writers that go by suffix work. What an
    earlier process that was killed left of the same target goes. A device or a pipe is never
    replaced: the result is written into it.

    Args:
        durable: afterwards, not even a power cut loses it. It costs some milliseconds: what nobody
            resumes from does without, and so does what is made durable with others later.

    Raises:
        OutputError: no space left, or the folder cannot be written.
    """
    target = Path(target)
    through = _written_through(target)
    with ExitStack() as stack:
        with explain_write_errors(target):
            if through:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                temporary = folder / f"whole{target.suffix}"
                temporary.touch()
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                temporary = stack.enter_context(_temporary_beside(target))
        with explain_write_errors(target):
            yield temporary
            if through:
                with temporary.open("rb") as source, target.open("ab") as out:
                    shutil.copyfileobj(source, out)
            else:
                if durable:
                    sync(temporary)
                os.chmod(temporary, 0o666 & ~_umask())
                os.replace(temporary, target)
                if durable:
                    sync(target.parent)


def _written_through(target: Path) -> bool:
    """Whether it is something else than a regular file, a folder, or nothing yet.

    What lies in /dev and /proc counts, too: /dev/stdout leads to an open file of this process.
    """
    parent = os.path.realpath(target.parent)
    if parent == "/dev" or parent.startswith("/proc/"):
        return True
    try:
        mode = target.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


@contextmanager
def _temporary_beside(target: Path) -> Iterator[Path]:
    """An empty file that nobody else writes, removed in the end if it is still there.

    Its name follows from the target's, and it is locked while in use. So a file of that name
    without a lock is what a killed process left, and is used again.
    """
    name = f"{PARTIAL}{zlib.crc32(os.fsencode(target.name)):08x}"
    path = target.parent / f"{name}{target.suffix}"
    handle = _locked(path)
    if handle is None:
        handle, unique = tempfile.mkstemp(prefix=f"{name}-", suffix=target.suffix, dir=path.parent)
        path = Path(unique)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _locked(path: Path) -> int | None:
    """Open (and empty) a file that no living process has; None if one has it.

    One that has other names, too, is left as it is: who was killed had linked something there.
    """
    if fcntl is None:
        return None
    with suppress(FileNotFoundError):
        if path.lstat().st_nlink > 1:
            path.unlink()
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError:  # somebody else's, or a link
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Its last owner may have renamed or removed it between the two calls.
        if path.exists() and os.path.samestat(os.fstat(handle), path.stat()):
            os.ftruncate(handle, 0)
            return handle
    except BlockingIOError:
        pass
    except OSError:  # a file system without locks
        path.unlink(missing_ok=True)
    os.close(handle)
    return None


def _umask() -> int:
    """The process's umask; reading it needs setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


@contextmanager
def explain_write_errors(target: Path) -> Iterator[None]:
    """Turn operating-system errors of writing `target` into an `OutputError` with a remedy."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutputError(
                "no space left on the disk while writing",
                where=target,
                remedy="free some space and run the command again, with --resume if it has that",
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR):
            raise OutputError(
                "cannot write", where=target, remedy=f"check the folder ({error.strerror})"
            ) from error
        raise


def write_text(target: Path, text: str) -> None:
    """Write UTF-8 text atomically; `STANDARD_OUTPUT` prints it."""
    if target == STANDARD_OUTPUT:
        sys.stdout.write(text)
        return
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(target: Path, value: Any) -> None:
    """Write JSON (two-space indent, final newline) as `write_text` does."""
    write_text(target, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
