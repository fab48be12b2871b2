"""Writing that is all or nothing."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vostool.core.errors import OutputError


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`, renamed onto it if the block succeeds.

    The temporary name keeps the suffix of `target`, so that writers that go by suffix work.

    Raises:
        OutputError: no space left, or the folder cannot be written.
    """
    target = Path(target)
    with explain_write_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".partial-", suffix=target.suffix, dir=target.parent)
        os.close(handle)
    temporary = Path(name)
    try:
        with explain_write_errors(target):
            yield temporary
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


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
                remedy="free some space and run the same command again with --resume",
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
            raise OutputError(
                "cannot write", where=target, remedy=f"check the folder ({error.strerror})"
            ) from error
        raise


def write_text(target: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(target: Path, value: Any) -> None:
    """Write JSON (two-space indent, final newline) atomically."""
    write_text(target, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
