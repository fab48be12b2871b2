"""One archive or single file, from its address to its place; a second run does nothing."""

from __future__ import annotations

import filecmp
import json
import logging
import shutil
from contextlib import suppress
from pathlib import Path

from vostool.core.durable import sync_everything
from vostool.core.errors import DataError
from vostool.core.files import atomic_path, write_text
from vostool.core.folder_lock import sole_owner
from vostool.core.reading import read_json
from vostool.downloads.catalogue import Archive
from vostool.downloads.extraction import BadArchive, Limits, extract
from vostool.downloads.fetching import FetchOptions, fetch

log = logging.getLogger(__name__)

WORK_FOLDER = ".vostool-downloads"
"""Below the user's root: archives being worked on, and a record of each that is in place."""


def install(
    archive: Archive,
    root: Path,
    *,
    keep_archive: bool = False,
    options: FetchOptions | None = None,
    limits: Limits | None = None,
) -> bool:
    """Fetch, verify and extract an archive below `root`, unless that is done already.

    Args:
        keep_archive: leave the archive in `root`/.vostool-downloads after extraction.

    Returns:
        False if everything was there already.

    Raises:
        DataError, OutputError, UsageError: as `fetch` and `extract`.
        OutputError: another process installs this archive there.
    """
    lost = missing_files(archive, root)
    lock = root / WORK_FOLDER / f"{archive.file}.lock"
    if lost is not None and not lost and not lock.exists():  # which a killed process may leave
        return False
    try:
        with sole_owner(lock):
            if lost is not None and not lost:
                return False
            if lost:
                log.warning(f"{len(lost)} files of {archive.file} are gone, such as {lost[0]}")
            return _install(archive, root, keep_archive, options, limits)
    finally:
        with suppress(OSError):  # another process has it
            lock.rmdir()


def _install(
    archive: Archive,
    root: Path,
    keep_archive: bool,
    options: FetchOptions | None,
    limits: Limits | None,
) -> bool:
    record, folder = _record(archive, root), root / archive.folder
    local = fetch(archive, root / WORK_FOLDER / archive.file, options)
    try:
        if archive.extracted:
            sizes = extract(local, folder, may_differ=archive.may_differ, limits=limits)
        else:
            sizes = _place(local, folder, archive.file)
    except BadArchive:
        if nobody_vouches_for(archive):
            # Without a published checksum, a damaged file only shows here; the next run refetches.
            local.unlink(missing_ok=True)
        raise
    sync_everything()  # an archive may hold a hundred thousand files
    write_text(record, json.dumps({"file": archive.file, "urls": archive.urls, "files": sizes}))
    if not keep_archive:
        local.unlink()
    return True


def _place(local: Path, folder: Path, name: str) -> dict[str, int]:
    """Copy a single file into its folder; a file that is there already is never written over.

    Raises:
        DataError: it has other content.
        OutputError: it cannot be written.
    """
    target = folder / name
    if not target.exists():
        with atomic_path(target, durable=False) as temporary:
            shutil.copyfile(local, temporary)
    elif not filecmp.cmp(local, target, shallow=False):
        raise DataError(
            f"another file is called {name} already",
            where=target,
            remedy="move it away and run the same command again, or choose another --root",
        )
    return {name: target.stat().st_size}


def missing_files(archive: Archive, root: Path) -> list[str] | None:
    """Names of installed files that are gone or have another size; None if never installed."""
    try:
        files = read_json(_record(archive, root))["files"]
        wanted = {str(name): int(size) for name, size in files.items()}
    except (DataError, ValueError, KeyError, TypeError, AttributeError):
        return None
    folder = root / archive.folder
    kept = set(archive.may_differ)
    return [name for name, size in wanted.items() if not _there(folder / name, size, name in kept)]


def _there(path: Path, size: int, any_size: bool) -> bool:
    try:
        return any_size or path.stat().st_size == size
    except OSError:
        return False


def nobody_vouches_for(archive: Archive) -> bool:
    """Whether no checksum of it was published, so that any file would be taken for it."""
    return archive.sha256 is None and archive.md5 is None


def _record(archive: Archive, root: Path) -> Path:
    return root / WORK_FOLDER / f"{archive.file}.installed.json"
