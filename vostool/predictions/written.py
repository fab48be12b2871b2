"""Which files of a prediction folder a run of ours wrote, by its manifest, and their removal.

Nothing else is ever removed or written over: a folder may hold masks that somebody made by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vostool.core.errors import OutputError
from vostool.core.files import PARTIAL
from vostool.core.listing import some
from vostool.predictions.file_digests import KINDS

LISTED = "masks"
"""Key of a manifest's video entry: names of the frames whose masks the run writes."""
SHOWN = 3


def refuse_foreign(
    root: Path, entries: Mapping[str, Mapping[str, Any]], names: Iterable[str]
) -> None:
    """Refuse videos whose folders hold files that no run of ours wrote.

    Args:
        entries: what the manifest says per video.
        names: of the videos that are about to be written.

    Raises:
        OutputError: there are some.
    """
    found = []
    for name in names:
        ours = _written(root, name, entries.get(name, {}))
        found += [path for path in _files(root, name) if path.stem not in ours]
    if found:
        shown = some([str(path.relative_to(root)) for path in found], SHOWN)
        raise OutputError(
            f"the folder holds files that no earlier run wrote there: {shown}",
            where=root,
            remedy="choose another folder, or remove them yourself",
        )


def remove_written(
    root: Path, entries: Mapping[str, Mapping[str, Any]], names: Iterable[str]
) -> None:
    """Remove what the manifest says was written of these videos, and folders left empty.

    The folder must be this process's own (`Output.owned`).
    """
    for name in names:
        if name not in entries:
            continue
        ours = _written(root, name, entries[name])
        for path in _files(root, name):
            if path.stem in ours:
                path.unlink()
        for kind, suffix in KINDS:
            folder = root / kind / name
            for left in folder.glob(f"{PARTIAL}*{suffix}"):  # by a killed process
                left.unlink()
            if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
                folder.rmdir()


def _files(root: Path, name: str) -> list[Path]:
    """Masks and probabilities of a video."""
    if not name or name in (".", "..") or set(name) & set("/\\\0"):
        return []  # a damaged manifest must not lead anywhere else
    return [
        path
        for kind, suffix in KINDS
        for path in sorted((root / kind / name).glob(f"*{suffix}"))
        if not path.name.startswith(PARTIAL)
    ]


def _written(root: Path, name: str, entry: Mapping[str, Any]) -> frozenset[str]:
    """Names of a video's frames that are ours.

    Manifests of before this list say only how many frames there are: if the folder holds no more
    masks than that, they are ours.
    """
    listed, count = entry.get(LISTED), entry.get("frames")
    if isinstance(listed, list):
        return frozenset(item for item in listed if isinstance(item, str))
    there = {path.stem for path in _files(root, name)}
    return frozenset(there) if isinstance(count, int) and len(there) <= count else frozenset()
