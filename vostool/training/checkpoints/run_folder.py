"""Files of a training run: the last checkpoints, the best one, and the resume state."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError
from torch import nn

from vostool.core.errors import DataError
from vostool.core.files import atomic_path, write_json
from vostool.core.reading import read_json
from vostool.core.toml import explain_mistakes
from vostool.training.checkpoints.checkpoint import CheckpointInfo, save_checkpoint
from vostool.training.checkpoints.resuming import ResumeState, read_resume, save_resume

BEST, RESUME, LISTING = "best.ckpt", "resume.state", "checkpoints.json"
RECIPE, SELECTION = "recipe.json", "selection.json"


class Entry(BaseModel):
    """A checkpoint in the listing: file name, iteration, scores at that iteration."""

    model_config = ConfigDict(frozen=True)

    file: str = Field(pattern=r"^[^/\\\x00]+\.ckpt$")
    iteration: int = Field(ge=0)
    metrics: dict[str, float] = {}


class _Listing(RootModel[tuple[Entry, ...]]):
    """What the file holds."""


class RunFolder:
    """Reads and writes a run's folder.

    Layout: `iteration-00001000.ckpt` (the last `keep`), `best.ckpt`, `resume.state`,
    `checkpoints.json` (the listing with scores), `metrics.jsonl`, `recipe.json` (resolved), and
    `selection.json` once `vostool select` was run.
    """

    def __init__(self, folder: Path, keep: int = 10):
        self.folder, self.keep = Path(folder), keep

    def clear(self) -> None:
        """Remove what an earlier run left here, so that a new one cannot be mixed up with it."""
        names = (BEST, RESUME, LISTING, SELECTION)
        written = [*self.folder.glob("iteration-*.ckpt"), *self.folder.glob("average-*.ckpt")]
        old = [*written, *(self.folder / name for name in names)]
        for path in old:
            path.unlink(missing_ok=True)

    @property
    def resume_file(self) -> Path:
        """The resume state."""
        return self.folder / RESUME

    @property
    def best(self) -> Path:
        """The best checkpoint, or the last one where nothing was validated."""
        return self.folder / BEST

    def entries(self) -> list[Entry]:
        """Checkpoints that are there, oldest first."""
        return [entry for entry in self.listed() if (self.folder / entry.file).is_file()]

    def listed(self) -> tuple[Entry, ...]:
        """Checkpoints that the listing names, oldest first."""
        listing = self.folder / LISTING
        if not listing.is_file():
            return ()
        try:
            return _Listing.model_validate(read_json(listing)).root
        except ValidationError as error:
            raise DataError(
                "; ".join(explain_mistakes(error, _Listing)),
                where=listing,
                remedy="delete this file; the checkpoints themselves can be used",
            ) from None

    def save(self, model: nn.Module, info: CheckpointInfo, *, best: bool) -> Path:
        """Write a numbered checkpoint, make it the best one if so, drop the oldest ones."""
        path = self.folder / f"iteration-{info.iteration:08d}.ckpt"
        save_checkpoint(path, model, info)
        if best:
            self.make_best(path)
        entries = [e for e in self.entries() if e.iteration < info.iteration]
        entries.append(Entry(file=path.name, iteration=info.iteration, metrics=info.metrics))
        kept = entries[-self.keep :]
        write_json(self.folder / LISTING, [entry.model_dump() for entry in kept])
        for entry in entries[: -self.keep]:
            (self.folder / entry.file).unlink(missing_ok=True)
        return path

    def make_best(self, path: Path) -> None:
        """Make `best.ckpt` a copy of a checkpoint (a hard link where the disk has them)."""
        with atomic_path(self.best) as temporary:
            temporary.unlink()
            try:
                os.link(path, temporary)
            except OSError:
                shutil.copyfile(path, temporary)

    def save_resume(self, state: ResumeState) -> None:
        """Write the resume state."""
        save_resume(self.resume_file, state)

    def read_resume(self) -> ResumeState:
        """Read the resume state. Raises CheckpointError if there is none or it is damaged."""
        return read_resume(self.resume_file)
