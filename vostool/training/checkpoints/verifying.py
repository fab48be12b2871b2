"""Whether a training's folder still is what was written: checkpoints, state, listing and log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vostool.core.console import progress
from vostool.core.errors import VostoolError
from vostool.core.reading import read_json, read_text
from vostool.predictions.verifying import Fault, Verified
from vostool.training.checkpoints.checkpoint import read_checkpoint
from vostool.training.checkpoints.resuming import read_resume
from vostool.training.checkpoints.run_folder import LISTING, RECIPE, RESUME, RunFolder
from vostool.training.loop.metrics_log import FILE_NAME as METRICS
from vostool.training.loop.metrics_log import read_metrics


def is_run(folder: Path) -> bool:
    """Whether a training wrote into this folder."""
    return any((Path(folder) / name).is_file() for name in (LISTING, RESUME, RECIPE))


def verify_run(folder: Path) -> Verified:
    """Read everything in a training's folder, with the digests of all tensors."""
    folder = Path(folder)
    verified = Verified(folder)
    checks: dict[str, Callable[[Path], object]] = {
        path.name: read_checkpoint for path in sorted(folder.glob("*.ckpt"))
    }
    others = {RESUME: read_resume, RECIPE: read_json, METRICS: _read_whole_log}
    checks |= {name: check for name, check in others.items() if (folder / name).is_file()}
    with progress("verify", len(checks), "files") as bar:
        for name, check in checks.items():
            try:
                check(folder / name)
                verified.files += 1
            except VostoolError as error:
                verified.blame(Fault.DAMAGED, f"{name}: {error.what}")
            bar.advance(note=name)
    _compare_listing(verified)
    return verified


def _compare_listing(verified: Verified) -> None:
    """The listing, and the numbered checkpoints beside it."""
    folder = verified.folder
    if not (folder / LISTING).is_file():
        return
    try:
        listed = {entry.file for entry in RunFolder(folder).listed()}
    except VostoolError as error:
        verified.blame(Fault.DAMAGED, f"{LISTING}: {error.what}")
        return
    verified.files += 1
    there = {path.name for path in folder.glob("iteration-*.ckpt")}
    for name in sorted(listed - {path.name for path in folder.glob("*.ckpt")}):
        verified.blame(Fault.MISSING, name)
    for name in sorted(there - listed):
        verified.blame(Fault.EXTRA, name)


def _read_whole_log(path: Path) -> None:
    """Every line of the log.

    Raises:
        VostoolError: a line is no record.
    """
    lines, records = read_text(path).splitlines(), read_metrics(path)
    if len(records) < len(lines):
        what = f"line {len(records) + 1} of {len(lines)} is no record"
        raise VostoolError(what, where=path, remedy="train --resume drops it and what follows")
