"""`vostool verify`: whether a folder still is what was written, and of what it was made."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from vostool.core.errors import DataError
from vostool.core.files import write_json
from vostool.core.listing import some
from vostool.predictions.manifest import read_manifest
from vostool.predictions.verifying import Verified, verify_predictions

log = logging.getLogger(__name__)

SHOWN = 3
"""Files that the table names of each kind; JSON names all."""
_OF_A_RUN = ("checkpoints.json", "resume.state", "recipe.json")
"""What tells a training's folder; looked for without loading what trains."""


def verify(folder: Path, json: Path | None = None) -> Verified:
    """Compare a prediction folder, or a training's folder, with what was written.

    Args:
        json: file for the whole result; `-` is standard output.

    Raises:
        DataError: no such folder, nothing to compare with, or a manifest that cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError("no such folder", where=folder, remedy="check the path")
    if read_manifest(folder) is None and any((folder / name).is_file() for name in _OF_A_RUN):
        # Checkpoints need torch, predictions do not.
        from vostool.training.checkpoints.verifying import verify_run

        verified = verify_run(folder)
    else:
        verified = verify_predictions(folder)
    for note in verified.notes:
        log.warning(note)
    if json is not None:
        write_json(json, as_json(verified))
    return verified


def as_json(verified: Verified) -> dict[str, Any]:
    """All of a result."""
    faults = {fault.name.lower(): places for fault, places in verified.faults.items()}
    return {
        "folder": str(verified.folder),
        "ok": verified.ok,
        "files": verified.files,
        "named": verified.named,
        "faults": faults,
        "notes": verified.notes,
    }


def table(verified: Verified) -> Table:
    """One row per kind of fault, and how many files are as they were written."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("files")
    table.add_column("count", justify="right")
    table.add_column("where")
    table.add_row("as written", str(verified.files), "")
    if verified.named:
        table.add_row("there, without a digest", str(verified.named), "")
    for fault, places in verified.faults.items():
        table.add_row(fault.value, str(len(places)), some(places, SHOWN))
    return table
