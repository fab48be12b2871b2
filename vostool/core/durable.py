"""What is said to be finished survives a power cut: its files are on the disk before it is said.

A system keeps new files in memory for some seconds. A file is on the disk once it was synchronised,
and found there by its name once its folder was. Many files are made durable together, after they
were written: the system then writes them in one go, and their folder is synchronised once.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

from vostool.core.threads import ordered_map

_UNSUPPORTED = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF)
"""What file systems answer that have nothing to synchronise."""
_SIDE_BY_SIDE = 8
"""Journalling file systems write what several threads wait for at once."""


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's names, are on the disk.

    Raises:
        OSError: they cannot be written there.
    """
    if os.name == "nt":  # folders cannot be opened, files only for writing
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    finally:
        os.close(handle)


def make_durable(files: Iterable[Path]) -> None:
    """Wait until files and their names are on the disk.

    Raises:
        OSError: they cannot be written there.
    """
    paths = list(files)
    if len(paths) > 1:
        for _ in ordered_map(sync, paths, threads=_SIDE_BY_SIDE, name="sync"):
            pass
    else:
        for path in paths:
            sync(path)
    for folder in {path.parent for path in paths}:
        sync(folder)


def sync_everything() -> None:
    """Wait until all that was written is on the disk: for more files than are worth asking for."""
    if hasattr(os, "sync"):
        os.sync()
