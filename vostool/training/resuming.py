"""Whether an interrupted run may be gone on with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vostool.core.errors import UsageError
from vostool.training.distributed import Processes


def check_same_run(
    progress: Mapping[str, Any], recipe: dict[str, Any], processes: Processes, folder: Path
) -> None:
    """Refuse to resume with another recipe; how often is validated and saved may change.

    Args:
        progress: of the resume state.

    Raises:
        UsageError: naming the keys that differ, or another number of processes.
    """
    if progress["processes"] != processes.count:
        raise UsageError(
            f"the run was started with {progress['processes']} processes, not {processes.count}",
            where=folder,
            remedy="resume with as many as before",
        )
    free = ("checkpoints.", "validation.", "description", "papers.", "loop.log_every")
    before, now = _flat(progress["recipe"]), _flat(recipe)
    keys = sorted(key for key in before.keys() | now.keys() if not key.startswith(free))
    changed = [
        f"{key} was {before.get(key)!r}, is {now.get(key)!r}"
        for key in keys
        if before.get(key) != now.get(key)
    ]
    if changed:
        raise UsageError(
            f"the run was started with another recipe: {'; '.join(changed)}",
            where=folder,
            remedy="resume with the same recipe and --set options, or start a new run with --init",
        )


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {prefix.removesuffix("."): value}
    flat: dict[str, Any] = {}
    for key, item in value.items():
        flat |= _flat(item, f"{prefix}{key}.")
    return flat
