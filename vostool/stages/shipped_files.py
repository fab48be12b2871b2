"""Checked TOML files that are given by path, or as the name of one that comes with vostool."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from vostool.core.errors import UsageError
from vostool.core.recipe_files import SUFFIX, recipe_folder
from vostool.core.suggest import did_you_mean
from vostool.core.toml import explain_mistakes, read_toml

Model = TypeVar("Model", bound=BaseModel)


def read_shipped(name: str, folder: str, what: str, kind: type[Model]) -> tuple[Path, Model]:
    """Find and read a file.

    Args:
        name: a path that ends in .toml, or a name.
        folder: among the recipes, where the shipped ones are.
        what: what such a file is called, for messages.
        kind: what it must hold.

    Returns:
        the file, and its contents.

    Raises:
        UsageError: there is none; unknown keys or wrong values, all of them listed.
        DataError: not a TOML file.
    """
    path = _find(name, recipe_folder() / folder, what)
    try:
        return path, kind.model_validate(read_toml(path))
    except ValidationError as error:
        raise UsageError(
            "; ".join(explain_mistakes(error, kind)), where=path, remedy=f"correct the {what}"
        ) from None


def is_shipped(name: str, folder: str) -> bool:
    """Whether a file of this name comes with vostool, in a folder among the recipes."""
    return name in _names(recipe_folder() / folder)


def _names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob(f"*{SUFFIX}"))


def _find(name: str, folder: Path, what: str) -> Path:
    if name.endswith(SUFFIX):
        path = Path(name)
        if not path.is_file():
            raise UsageError(f"there is no such {what}", where=path, remedy="check the path")
        return path
    known = _names(folder)
    if name not in known:
        hint = did_you_mean(name, known)
        raise UsageError(
            f"unknown {what} {name!r}",
            remedy=f"{hint}give a {SUFFIX} file or one of: {', '.join(known)}",
        )
    return folder / f"{name}{SUFFIX}"
