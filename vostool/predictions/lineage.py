"""What a prediction folder was made of, as its `run.json` names it: each with place and digest."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vostool.predictions.folder import PredictionFolder
from vostool.predictions.manifest import NAME, file_digest
from vostool.predictions.origin import recorded_root

FILE_DIGEST, MANIFEST_DIGEST, PLACE = "sha256", "manifest_sha256", "place"


def file_record(path: Path, out: Path) -> dict[str, str]:
    """A file that predictions in `out` are made of: a checkpoint or a recipe."""
    path = Path(path)
    return {"path": str(path), PLACE: recorded_root(path, out), FILE_DIGEST: file_digest(path)}


def parent_record(folder: PredictionFolder, out: Path) -> dict[str, Any]:
    """Predictions that those in `out` are made of, with what they were made of themselves.

    The digest is of their manifest; None where another tool wrote them.
    """
    manifest, file = folder.manifest or {}, folder.root / NAME
    return {
        "path": str(folder.root),
        PLACE: recorded_root(folder.root, out),
        MANIFEST_DIGEST: file_digest(file) if file.is_file() else None,
        "command": manifest.get("command"),
        "settings": manifest.get("settings"),
        "parents": manifest.get("parents", []),
    }


@dataclass(frozen=True)
class Ingredient:
    """One thing that predictions were made of.

    Attributes:
        what: "checkpoint", "recipe" or "parent".
        path: as it was named.
        file: whose digest was noted, where it is now; None where it is no longer.
        digest: SHA-256 of then.
    """

    what: str
    path: str
    file: Path | None
    digest: str

    @property
    def changed(self) -> bool:
        """Whether the file is there and is another one."""
        return self.file is not None and file_digest(self.file) != self.digest


def ingredients(manifest: Mapping[str, Any], root: Path) -> Iterator[Ingredient]:
    """What a manifest names with a digest; what is of before digests is passed over.

    Args:
        root: the folder of the manifest.
    """
    for record in _records(manifest.get("checkpoints")):
        yield from _ingredient("checkpoint", record, FILE_DIGEST, root)
    for record in _records([manifest.get("recipe")]):
        yield from _ingredient("recipe", record, FILE_DIGEST, root)
    for record in _records(manifest.get("parents")):
        yield from _ingredient("parent", record, MANIFEST_DIGEST, root, inside=NAME)


def _records(values: Any) -> list[Mapping[str, Any]]:
    return [item for item in values if isinstance(item, dict)] if isinstance(values, list) else []


def _ingredient(
    what: str, record: Mapping[str, Any], key: str, root: Path, inside: str = ""
) -> Iterator[Ingredient]:
    path, place, digest = (record.get(name) for name in ("path", PLACE, key))
    if not isinstance(path, str) or not isinstance(digest, str):
        return
    places = [Path(path)]
    if isinstance(place, str):
        # As the system follows it: the folder itself may be reached by a link.
        places.insert(0, Path(os.path.normpath(root.resolve() / place)))
    files = (candidate / inside if inside else candidate for candidate in places)
    yield Ingredient(what, path, next((file for file in files if _is_file(file)), None), digest)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no system takes
        return False
