"""Which data set a prediction folder is of, as its `run.json` says: name, split and root."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vostool.predictions.manifest import NAME, read_manifest


@dataclass(frozen=True)
class Origin:
    """A data set that predictions are of.

    Attributes:
        file: what says so.
        dataset: its name.
        split: its split; None where nothing says which.
        root: where it was; None in folders that were made before that was noted.
    """

    file: Path
    dataset: str
    split: str | None
    root: Path | None

    def record(self, folder: Path) -> dict[str, str]:
        """The same for the `run.json` of another folder."""
        root = None if self.root is None else recorded_root(self.root, folder)
        values = {"dataset": self.dataset, "split": self.split, "root": root}
        return {name: value for name, value in values.items() if value is not None}


def read_origin(folder: Path) -> Origin | None:
    """What a folder says; None where it says nothing, or is no folder.

    Raises:
        DataError: its `run.json` cannot be read.
    """
    folder = Path(folder)
    manifest = (read_manifest(folder) if folder.is_dir() else None) or {}
    dataset, split, root = (manifest.get(name) for name in ("dataset", "split", "root"))
    if dataset is None:
        return None
    place = None if root is None else Path(os.path.normpath(folder.resolve() / root))
    return Origin(folder / NAME, dataset, split, place)


def common_origin(folders: Sequence[Path]) -> Origin | None:
    """What all folders say; where they differ in the root only, without one."""
    found = [read_origin(folder) for folder in folders]
    first = found[0]
    if first is None or any(
        other is None or (other.dataset, other.split) != (first.dataset, first.split)
        for other in found
    ):
        return None
    roots = {origin.root for origin in found if origin is not None}
    return Origin(first.file, first.dataset, first.split, roots.pop() if len(roots) == 1 else None)


def recorded_root(root: Path, folder: Path) -> str:
    """How `run.json` names a root: relative to its folder where it lies in that, or both in the
    current folder.

    A project that is moved as a whole then stays right, and so does a data folder elsewhere.
    """
    root, folder, here = Path(root).resolve(), Path(folder).resolve(), Path.cwd()
    together = root.is_relative_to(here) and folder.is_relative_to(here)
    if together or root.is_relative_to(folder):
        return os.path.relpath(root, folder)
    return str(root)
