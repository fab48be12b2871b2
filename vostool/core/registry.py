"""The folder is the registry: a module put into a package is available under its name."""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from vostool.core.errors import UsageError
from vostool.core.suggest import did_you_mean


def names(package: str, entry_point_group: str | None = None) -> list[str]:
    """Names of the public modules of a package, with hyphens for underscores, sorted.

    Modules whose name begins with an underscore are helpers, and sub-packages are not listed.
    Nothing but the outermost package is imported: those inside may load much.
    """
    found = {
        module.name.replace("_", "-")
        for module in pkgutil.iter_modules(_folders(package))
        if not module.name.startswith("_") and not module.ispkg
    }
    if entry_point_group:
        found |= {point.name for point in entry_points(group=entry_point_group)}
    return sorted(found)


def _folders(package: str) -> list[str]:
    outermost, *inner = package.split(".")
    return [
        str(Path(place).joinpath(*inner)) for place in importlib.import_module(outermost).__path__
    ]


def load(package: str, name: str, *, kind: str, entry_point_group: str | None = None) -> Any:
    """Import the module (or entry point) that `name` stands for.

    Raises:
        UsageError: there is none; the message lists those there are and the closest one.
    """
    known = names(package, entry_point_group)
    wanted = name.replace("_", "-")
    if wanted not in known:
        raise UsageError(
            f"unknown {kind} {name!r}",
            remedy=f"{did_you_mean(wanted, known)}known: {', '.join(known)}",
        )
    if entry_point_group:
        for point in entry_points(group=entry_point_group):
            if point.name == wanted:
                return point.load()
    return importlib.import_module(f"{package}.{wanted.replace('-', '_')}")
