"""`run.json`: where a prediction folder comes from and which videos in it are finished."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

import vostool
from vostool.core.errors import UsageError
from vostool.core.files import write_text
from vostool.core.reading import read_json
from vostool.core.typed import parse_as

NAME = "run.json"
REPLACED = "run.replaced.json"
"""The run before, for the processes of a run that overwrites it, until all are done."""
FINISHED, PENDING, FAILED = "finished", "pending", "failed"


@dataclass(frozen=True)
class Shard:
    """Which part of a run this process does: `rank` of `world`."""

    rank: int = 0
    world: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.world:
            raise UsageError(
                f"rank {self.rank} of {self.world} processes makes no sense",
                remedy="check the environment variables RANK and WORLD_SIZE",
            )

    @classmethod
    def of_environment(cls) -> Shard:
        """What torchrun says in RANK and WORLD_SIZE; the whole run without it."""
        try:
            return cls(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))
        except ValueError:
            raise UsageError(
                "RANK and WORLD_SIZE must be whole numbers",
                remedy="unset these environment variables, or start with torchrun",
            ) from None

    @property
    def lock_part(self) -> str:
        """Which part of the run owns the folder, for `Output.owned`."""
        return "" if self.world == 1 else f"{self.rank}-of-{self.world}"

    @property
    def file_name(self) -> str:
        """Name of this part's manifest."""
        return NAME if self.world == 1 else f"run.{self.rank}-of-{self.world}.json"


def versions() -> dict[str, str]:
    """Versions that a result may depend on."""
    return {
        "vostool": vostool.__version__,
        "torch": metadata.version("torch"),
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def file_digest(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def file_digests(files: Mapping[str, Sequence[Path]]) -> dict[str, list[str]]:
    """`file_digest` of files by name."""
    return {name: [file_digest(path) for path in paths] for name, paths in files.items()}


def write_manifest(root: Path, manifest: Mapping[str, Any], shard: Shard | None = None) -> None:
    """Write a manifest (or a shard's part of it) atomically.

    When the last part of a sharded run has finished, the parts become one `run.json`.
    """
    shard = shard or Shard()
    write_text(root / shard.file_name, _as_text(manifest))
    if shard.world > 1:
        parts = _parts(root, shard.world)
        if len(parts) == shard.world and all(_is_finished(part) for part in parts.values()):
            write_text(root / NAME, _as_text(_merge(list(parts.values()))))
            (root / REPLACED).unlink(missing_ok=True)


def read_manifest(root: Path) -> dict[str, Any] | None:
    """The manifest of a folder, joined from its parts if need be; None where there is none.

    Raises:
        DataError: it is not a JSON object.
    """
    parts = _parts(root)
    if (root / NAME).is_file():
        whole = _read(root / NAME)
        return whole if not parts or _is_finished(whole) else _merge([whole, *parts.values()])
    return _merge(list(parts.values())) if parts else None


def retire_manifest(root: Path, shard: Shard) -> None:
    """Forget an earlier run, before its folder is written over.

    The other processes of a sharded run may come later and must still find what it wrote.
    """
    manifest = read_manifest(root)
    if shard.world > 1 and manifest is not None:
        write_text(root / REPLACED, _as_text(manifest))
    of_this_run = set(root.glob(f"run.*-of-{shard.world}.json")) if shard.world > 1 else set()
    for path in {root / NAME, *root.glob("run.*-of-*.json")} - of_this_run:
        path.unlink(missing_ok=True)


def earlier_entries(root: Path) -> dict[str, dict[str, Any]]:
    """What an earlier run said per video, also while it is being overwritten."""
    replaced = _read(root / REPLACED) if (root / REPLACED).is_file() else None
    return {**video_entries(replaced), **video_entries(read_manifest(root))}


def video_entries(manifest: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """What a manifest says per video; empty where it says nothing usable."""
    entries = (manifest or {}).get("videos")
    if not isinstance(entries, dict):
        return {}
    return {name: entry for name, entry in entries.items() if isinstance(entry, dict)}


def unfinished_videos(manifest: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Names of the videos that a manifest calls pending or failed; sorted."""
    entries = video_entries(manifest).items()
    return tuple(sorted(n for n, entry in entries if entry.get("status", FINISHED) != FINISHED))


def lacks_parts(root: Path) -> bool:
    """Whether a process of a sharded run has not even begun: its videos are in no manifest."""
    worlds = {path.name.rsplit("-of-")[1].removesuffix(".json") for path in _part_files(root)}
    return not (root / NAME).is_file() and any(
        world.isdecimal() and len(list(_part_files(root, world))) < int(world) for world in worlds
    )


def _as_text(manifest: Mapping[str, Any]) -> str:
    """JSON with one line per video: entries list all frames, and are written after each video."""
    entries = manifest.get("videos")
    if not isinstance(entries, Mapping) or not entries:
        return json.dumps(dict(manifest), indent=2, ensure_ascii=False) + "\n"
    head = {key: value for key, value in manifest.items() if key != "videos"}
    text = json.dumps(head, indent=2, ensure_ascii=False).removesuffix("}").rstrip()
    lines = ",\n".join(
        f"    {json.dumps(name, ensure_ascii=False)}: {json.dumps(entry, ensure_ascii=False)}"
        for name, entry in entries.items()
    )
    comma = "," if head else ""
    return f'{text}{comma}\n  "videos": {{\n{lines}\n  }}\n}}\n'


def _parts(root: Path, world: int | None = None) -> dict[Path, dict[str, Any]]:
    return {path: _read(path) for path in _part_files(root, world)}


def _part_files(root: Path, world: int | str | None = None) -> list[Path]:
    return sorted(root.glob(f"run.*-of-{world or '*'}.json"))


def _is_finished(manifest: Mapping[str, Any]) -> bool:
    return all(entry.get("status") == FINISHED for entry in video_entries(manifest).values())


def _merge(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """One manifest of several that differ in their videos only."""
    merged = dict(parts[0])
    videos = {name: entry for part in parts for name, entry in video_entries(part).items()}
    merged["videos"] = dict(sorted(videos.items()))
    return merged


class _Manifest(BaseModel):
    """Types of what other commands look at; everything else may be anything."""

    command: str | None = None
    dataset: str | None = None
    split: str | None = None
    root: str | None = None
    settings: dict[str, Any] | None = None
    checkpoints: list[Any] | None = None
    parents: list[Any] | None = None


def _read(path: Path) -> dict[str, Any]:
    remedy = "delete this file or make the folder anew"
    manifest = read_json(path, remedy=remedy)
    parse_as(_Manifest, manifest, path, remedy=remedy)
    return manifest
