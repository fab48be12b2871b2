"""`vostool download`: public archives into a folder of data."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vostool.core.errors import UsageError
from vostool.downloads.catalogue import SOURCES, Archive, Source, find
from vostool.downloads.fetching import FetchOptions
from vostool.downloads.install import install, missing_files, nobody_vouches_for


class State(enum.Enum):
    """What became of one name."""

    INSTALLED = "installed"
    THERE = "already there"
    NEEDS_LOGIN = "needs a login"


@dataclass(frozen=True)
class Outcome:
    """Result for one name."""

    source: Source
    state: State
    root: Path

    @property
    def text(self) -> str:
        """What to tell the user: where it is or how to get it, and how to verify it."""
        lines = [f"{self.source.name}: {self.state.value} ({self.source.title})"]
        if self.state is State.NEEDS_LOGIN:
            lines += [f"  get it from {self.source.page}", f"  steps: {self.source.steps}"]
        lines += [f"  {'will be' if self.state is State.NEEDS_LOGIN else 'is'} at:"]
        lines += [f"    {self.root / item}" for item in self.source.layout]
        if self.source.check:
            lines.append(f"  verify: {self.source.check}")
        lines.append(f"  licence: {self.source.licence}")
        return "\n".join(lines).replace("ROOT", str(self.root))


def download(
    names: Sequence[str],
    root: Path,
    *,
    keep_archives: bool = False,
    unverified: bool = False,
    options: FetchOptions | None = None,
    sources: Iterable[Source] = SOURCES,
) -> list[Outcome]:
    """Download data sets by name; what is complete is left alone, what is begun is continued.

    Args:
        names: of `sources`; data sets behind a login are answered with instructions.
        root: folder under which each data set gets its own.
        keep_archives: do not delete archives after extraction.
        unverified: unpack archives without a published checksum, too.

    Raises:
        UsageError: an unknown name or none, or an archive without a checksum that was not asked
            for; nothing is downloaded then.
        DataError: an archive cannot be had or is not the published one.
        OutputError: no space, or `root` cannot be written.
    """
    sources = tuple(sources)
    if not names:
        raise UsageError(
            "no data set was named", remedy="vostool download --list shows what there is"
        )
    chosen = [find(name, sources) for name in dict.fromkeys(names)]
    if not unverified:
        _refuse_unverified(chosen, root)
    return [_one(source, root, keep_archives, options) for source in chosen]


def _refuse_unverified(sources: Iterable[Source], root: Path) -> None:
    """Say which archives nobody can tell from others, and which come over an open line."""
    found = [
        archive
        for source in sources
        for archive in source.archives
        if nobody_vouches_for(archive) and missing_files(archive, root) != []
    ]
    if not found:
        return
    names = ", ".join(
        archive.file + (" (over plain http)" if _is_open(archive) else "") for archive in found
    )
    raise UsageError(
        f"no checksum was published of {names}, so nobody can tell whether it is the right file",
        remedy="pass --yes to download and unpack it all the same",
    )


def _is_open(archive: Archive) -> bool:
    return any(url.lower().startswith("http://") for url in archive.urls)


def _one(source: Source, root: Path, keep: bool, options: FetchOptions | None) -> Outcome:
    if source.needs_login:
        return Outcome(source, State.NEEDS_LOGIN, root)
    new = [
        install(archive, root, keep_archive=keep, options=options) for archive in source.archives
    ]
    return Outcome(source, State.INSTALLED if any(new) else State.THERE, root)


def list_downloads(sources: Iterable[Source] = SOURCES) -> str:
    """A table of all names with size (where published), title and licence."""
    rows = [("NAME", "SIZE", "DATA SET", "LICENCE")]
    for source in sources:
        rows.append((source.name, _size(source), source.title, source.licence))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = []
    for *cells, licence in rows:
        lines.append("  ".join([*(c.ljust(w) for c, w in zip(cells, widths)), licence]))
    return "\n".join(lines)


def _size(source: Source) -> str:
    if source.needs_login:
        return "login"
    sizes = [archive.size for archive in source.archives]
    known = sum(size for size in sizes if size is not None)
    if None in sizes:
        return f"> {known / 1e6:.0f} MB" if known else "unknown"
    return f"{known / 1e6:.0f} MB"
