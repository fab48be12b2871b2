"""A run that fills a prediction folder: what is finished, what is to do, and `run.json`."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vostool.core.durable import make_durable
from vostool.core.errors import OutputError, UsageError
from vostool.core.files import explain_write_errors
from vostool.core.folder_lock import without_locks
from vostool.core.output import Output, refuse_overlap
from vostool.core.types import ObjectIds
from vostool.predictions.file_digests import KEY, digest, video_files
from vostool.predictions.folder import PredictionWriter
from vostool.predictions.manifest import (
    FAILED,
    FINISHED,
    NAME,
    PENDING,
    Shard,
    earlier_entries,
    read_manifest,
    retire_manifest,
    versions,
    video_entries,
    write_manifest,
)
from vostool.predictions.written import LISTED, refuse_foreign, remove_written

SETTINGS = "settings"


@dataclass(frozen=True)
class Planned:
    """What is to be written of a video."""

    frames: tuple[str, ...]
    ids: ObjectIds


class PredictionRun:
    """Bookkeeping of one command that writes a prediction folder.

    A video is finished when the manifest says so: files that are there may be an earlier run's. All
    state is in the folder, so that a killed run goes on with `resume`.

    Args:
        output: the folder.
        about: what the manifest says besides settings and videos.
        settings: what must be equal when a run is resumed; JSON values.
        planned: by video name.
        inputs: folders and files that are read, which the output must not touch.
        probabilities: whether probabilities are written too.
        all_videos: names of the videos of all processes; by default those planned here.

    Raises:
        OutputError: the folder is not empty and neither resumed nor written over, or holds what no
            earlier run wrote.
        UsageError: the run that is to be resumed had other settings; the output overlaps an input.
    """

    def __init__(
        self,
        output: Output,
        about: Mapping[str, Any],
        settings: Mapping[str, Any],
        planned: Mapping[str, Planned],
        *,
        inputs: Iterable[Path],
        probabilities: bool = False,
        all_videos: Collection[str] | None = None,
        shard: Shard | None = None,
    ):
        self.root, self.planned = output.path, dict(planned)
        self.writer = PredictionWriter(self.root)
        self._shard = shard or Shard()
        self.probabilities = probabilities
        refuse_overlap(self.root, inputs)
        earlier = _claim(output, settings, self._shard)
        refuse_foreign(self.root, earlier, self.planned)
        if output.overwrite:
            self._clear(earlier, self.planned if all_videos is None else all_videos)
        self.todo = [
            name
            for name, plan in self.planned.items()
            if not (output.resume and self._is_finished(name, plan, earlier))
        ]
        self._manifest = {
            **about,
            SETTINGS: dict(settings),
            "versions": versions(),
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "videos": {name: self._entry(name, earlier) for name in self.planned},
        }
        self._write()

    def _is_finished(
        self, name: str, plan: Planned, earlier: Mapping[str, Mapping[str, Any]]
    ) -> bool:
        """Whether the manifest says so, and nobody has removed files since."""
        told = earlier.get(name, {}).get("status") == FINISHED
        return told and self.writer.is_finished(name, plan.frames, self.probabilities)

    def _clear(self, earlier: dict[str, dict[str, Any]], all_videos: Collection[str]) -> None:
        """Remove an earlier run; each process its own videos, the first also those of nobody."""
        remove_written(self.root, earlier, self.planned)
        if self._shard.rank == 0:
            remove_written(self.root, earlier, earlier.keys() - set(all_videos))
            retire_manifest(self.root, self._shard)
        earlier.clear()

    def _entry(self, name: str, earlier: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
        plan = self.planned[name]
        entry: dict[str, Any] = {"frames": len(plan.frames), "ids": list(plan.ids)}
        entry[LISTED] = list(plan.frames)
        if name in self.todo:
            return entry | {"status": PENDING}
        # What was said about a finished video stays.
        return earlier.get(name, {}) | entry | {"status": FINISHED}

    def begin(self, video: str) -> None:
        """Remove what an earlier run left of a video."""
        self.writer.discard(video, self.planned[video].frames)

    def finish(self, video: str, seconds: float, about: Mapping[str, Any] | None = None) -> None:
        """Note that all files of a video are written, and what wrappers say about it.

        They are on the disk before the manifest says so.
        """
        files = video_files(self.root, video)
        with explain_write_errors(self.root):
            make_durable(path for paths in files.values() for path in paths.values())
        entry = self._manifest["videos"][video]
        entry[KEY] = {
            kind: {name: digest(path) for name, path in paths.items()}
            for kind, paths in files.items()
        }
        entry |= {"status": FINISHED, "seconds": round(seconds, 3)}
        if about:
            entry["wrappers"] = dict(about)
        self._write()

    def fail(self, video: str, error: Exception) -> None:
        """Remove what was written of a video, and note why."""
        self.writer.discard(video, self.planned[video].frames)
        self._manifest["videos"][video] |= {"status": FAILED, "error": str(error)}
        self._write()

    def _write(self) -> None:
        write_manifest(self.root, self._manifest, self._shard)


def _claim(output: Output, settings: Mapping[str, Any], shard: Shard) -> dict[str, dict[str, Any]]:
    """Get the folder ready; return what an earlier run says about its videos."""
    root = output.path
    if shard.world == 1 or not _others_have_begun(root, settings, shard):
        output.claim_folder()
    if not (output.resume or output.overwrite):
        return {}
    earlier = earlier_entries(root)
    if output.resume:
        manifest = read_manifest(root)
        _compare(root, manifest, settings)
        # What a killed process left of the run that it was to replace must not look finished.
        remove_written(root, earlier, earlier.keys() - video_entries(manifest).keys())
        return video_entries(manifest)
    if not earlier and without_locks(root.iterdir()):
        raise OutputError(
            f"cannot overwrite: the folder was not made by vostool (no {NAME} that names videos)",
            where=root,
            remedy="choose another folder, or remove it yourself",
        )
    return earlier


def _others_have_begun(root: Path, settings: Mapping[str, Any], shard: Shard) -> bool:
    """Whether the folder holds only what the other processes of this very run put there."""
    if not root.is_dir():
        return False
    there = {path.name for path in without_locks(root.iterdir())}
    if not there:
        return True
    if NAME in there or shard.file_name in there:
        return False
    return (read_manifest(root) or {}).get(SETTINGS) == dict(settings)


def _compare(root: Path, manifest: Mapping[str, Any] | None, settings: Mapping[str, Any]) -> None:
    if manifest is None:
        if without_locks(root.iterdir()):
            raise OutputError(
                "cannot resume: the folder was not made by this command",
                where=root,
                remedy=f"it has no {NAME}; choose another folder, or pass --overwrite",
            )
        return
    before = manifest.get(SETTINGS)
    before = before if isinstance(before, dict) else {}
    differences = list(_differences(before, settings))
    if differences:
        raise UsageError(
            f"cannot resume with other settings: {'; '.join(differences)}",
            where=root,
            remedy="choose another folder, or pass --overwrite to start anew",
        )


def _differences(
    before: Mapping[str, Any], now: Mapping[str, Any], place: str = ""
) -> Iterator[str]:
    """What is not as it was, value by value."""
    for name, value in now.items():
        old = before.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            yield from _differences(old, value, f"{place}{name}.")
        elif old != value:
            yield f"{place}{name} was {old!r} and is {value!r}"
