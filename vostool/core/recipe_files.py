"""Where recipes are, and what they say of themselves: names and descriptions, not their values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vostool.core.errors import UsageError
from vostool.core.suggest import did_you_mean
from vostool.core.toml import read_toml

SUFFIX = ".toml"
INFERENCE = "inference"
"""Folder of the recipes that say how networks are run, and what is before their names."""


@dataclass(frozen=True)
class Shipped:
    """What a recipe says of itself.

    Attributes:
        name: as commands take it; recipes of inference begin with "inference/".
        description: one line.
        papers: published figures by what they are of.
    """

    name: str
    description: str
    papers: dict[str, Any]


def recipe_folder() -> Path:
    """Where the shipped recipes are: in the installed package, or at the top of the repository."""
    package = Path(__file__).parent.parent
    installed = package / "_recipes"
    return installed if installed.is_dir() else package.parent / "recipes"


def recipe_names(folder: str = "") -> list[str]:
    """Names of the shipped recipes, sorted; those in a folder among them where one is given."""
    return sorted(path.stem for path in (recipe_folder() / folder).glob(f"*{SUFFIX}"))


def find_recipe(name: str, beside: Path | None = None) -> Path:
    """File of a recipe given by name or path; `beside` is searched before the shipped ones.

    Raises:
        UsageError: there is none.
    """
    if name.endswith(SUFFIX):
        path = (beside or Path()) / name
        if not path.is_file():
            raise UsageError("there is no such recipe file", where=path, remedy="check the path")
        return path
    for folder in (beside, recipe_folder()):
        if folder is not None and (folder / f"{name}{SUFFIX}").is_file():
            return folder / f"{name}{SUFFIX}"
    known = recipe_names()
    raise UsageError(
        f"unknown recipe {name!r}",
        remedy=f"{did_you_mean(name, known)}give a .toml file or one of: {', '.join(known)}",
    )


def shipped_recipes() -> list[Shipped]:
    """All recipes that come with vostool, those of trainings first, as their files say."""
    names = recipe_names() + [f"{INFERENCE}/{name}" for name in recipe_names(INFERENCE)]
    found = []
    for name in names:
        table = read_toml(recipe_folder() / f"{name}{SUFFIX}")
        found.append(Shipped(name, table["description"], table.get("papers", {})))
    return found
