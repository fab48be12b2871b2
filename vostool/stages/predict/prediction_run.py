"""A run that fills a prediction folder: what is finished, what is to do, and `run.json`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vostool.core.errors import OutputError, UsageError
from vostool.core.output import Output
from vostool.core.types import ObjectIds
from vostool.predictions.folder import PredictionWriter
from vostool.predictions.manifest import (
    FAILED,
    FINISHED,
    NAME,
    PENDING,
    Shard,
    read_manifest,
    remove_manifest,
    versions,
    video_entries,
    write_manifest,
)

SETTINGS = "settings"
LASTING = ("seconds", "crop_zoom", "online_finetune")
"""What a resumed run keeps of the entries of finished videos."""


@dataclass(frozen=True)
class Planned:
    """What is to be written of a video."""

    frames: tuple[str, ...]
    ids: ObjectIds


class PredictionRun:
    """Bookkeeping of one command that writes a prediction folder.

    A video is finished when all its files are there. All state is in the folder, so that a killed
    run goes on with `resume`.

    Args:
        output: the folder.
        about: what the manifest says besides settings and videos.
        settings: what must be equal when a run is resumed; JSON values.
        planned: by video name.
        probabilities: whether probabilities are written too.

    Raises:
        OutputError: the folder is not empty and neither resumed nor written over.
        UsageError: the run that is to be resumed had other settings.
    """

    def __init__(
        self,
        output: Output,
        about: Mapping[str, Any],
        settings: Mapping[str, Any],
        planned: Mapping[str, Planned],
        *,
        probabilities: bool = False,
        shard: Shard | None = None,
    ):
        self.root, self.planned = output.path, dict(planned)
        self.writer = PredictionWriter(self.root)
        self._shard = shard or Shard()
        self.probabilities = probabilities
        earlier = _claim(output, settings, self._shard)
        self.todo = [
            name
            for name, plan in self.planned.items()
            if not (output.resume and self.writer.is_finished(name, plan.frames, probabilities))
        ]
        self._manifest = {
            **about,
            SETTINGS: dict(settings),
            "versions": versions(),
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "videos": {name: self._entry(name, earlier) for name in self.planned},
        }
        self._write()

    def _entry(self, name: str, earlier: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
        plan = self.planned[name]
        entry: dict[str, Any] = {"frames": len(plan.frames), "ids": list(plan.ids)}
        if name in self.todo:
            return entry | {"status": PENDING}
        lasting = {k: v for k, v in earlier.get(name, {}).items() if k in LASTING}
        return entry | lasting | {"status": FINISHED}

    def begin(self, video: str) -> None:
        """Remove what an earlier run left of a video."""
        self.writer.discard(video)

    def finish(self, video: str, seconds: float, about: Mapping[str, Any] | None = None) -> None:
        """Note that all files of a video are written, and what else is to be said about it."""
        entry = self._manifest["videos"][video]
        entry |= {"status": FINISHED, "seconds": round(seconds, 3), **(about or {})}
        self._write()

    def fail(self, video: str, error: Exception) -> None:
        """Remove what was written of a video, and note why."""
        self.writer.discard(video)
        self._manifest["videos"][video] |= {"status": FAILED, "error": str(error)}
        self._write()

    def _write(self) -> None:
        write_manifest(self.root, self._manifest, self._shard)


def _claim(output: Output, settings: Mapping[str, Any], shard: Shard) -> dict[str, dict[str, Any]]:
    """Get the folder ready; return what the resumed run says about its videos."""
    root = output.path
    if shard.world == 1 or not _others_have_begun(root, settings, shard):
        output.claim_folder()
    if output.resume:
        manifest = read_manifest(root)
        _compare(root, manifest, settings)
        return video_entries(manifest)
    if output.overwrite and shard.rank == 0:
        remove_manifest(root)
    return {}


def _others_have_begun(root: Path, settings: Mapping[str, Any], shard: Shard) -> bool:
    """Whether the folder holds only what the other processes of this very run put there."""
    if not root.is_dir():
        return False
    there = {path.name for path in root.iterdir() if not path.name.startswith(".partial-")}
    if not there:
        return True
    if NAME in there or shard.file_name in there:
        return False
    return (read_manifest(root) or {}).get(SETTINGS) == dict(settings)


def _compare(root: Path, manifest: Mapping[str, Any] | None, settings: Mapping[str, Any]) -> None:
    if manifest is None:
        if any(root.iterdir()):
            raise OutputError(
                "cannot resume: the folder was not made by this command",
                where=root,
                remedy=f"it has no {NAME}; choose another folder, or pass --overwrite",
            )
        return
    before = manifest.get(SETTINGS)
    before = before if isinstance(before, dict) else {}
    differences = [
        f"{name} was {before.get(name)!r} and is {value!r}"
        for name, value in settings.items()
        if before.get(name) != value
    ]
    if differences:
        raise UsageError(
            f"cannot resume with other settings: {'; '.join(differences)}",
            where=root,
            remedy="choose another folder, or pass --overwrite to start anew",
        )
