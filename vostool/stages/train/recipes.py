"""What recipes there are, and one recipe with everything filled in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from vostool.recipe import Recipe, load_recipe, recipe_names


def list_recipes() -> list[Recipe]:
    """All shipped recipes, sorted by name."""
    return [load_recipe(name) for name in recipe_names()]


def recipe_table(recipes: Sequence[Recipe]) -> Table:
    """Names, descriptions and the papers' figures."""
    table = Table(show_lines=True)
    table.add_column("recipe", no_wrap=True)
    table.add_column("what it is")
    table.add_column("published figures")
    for recipe in recipes:
        figures = "\n".join(f"{name}: {value}" for name, value in recipe.papers.items())
        table.add_row(recipe.name, recipe.description, figures)
    return table


def as_toml(recipe: Recipe) -> str:
    """A recipe with all values filled in, as a recipe file again."""
    table = recipe.resolved()
    del table["name"]
    return toml_text(table)


def toml_text(table: dict[str, Any]) -> str:
    """A table of values as JSON has them, as TOML; those that are null are left out."""
    return "\n".join(_lines(table, ())) + "\n"


def _lines(table: dict[str, Any], path: tuple[str, ...]) -> list[str]:
    """Lines of a table; values that TOML cannot hold (null) are left to their defaults."""
    groups = {key: value for key, value in table.items() if isinstance(value, dict)}
    lines = [
        f"{_key(key)} = {_value(value)}"
        for key, value in table.items()
        if key not in groups and not _has_null(value)
    ]
    if path and lines:
        lines = ["", f"[{'.'.join(_key(step) for step in path)}]", *lines]
    for key, value in groups.items():
        lines += _lines(value, (*path, key))
    return lines


def _has_null(value: Any) -> bool:
    return value is None or (isinstance(value, list) and any(_has_null(item) for item in value))


def _key(key: str) -> str:
    plain = key.replace("_", "").replace("-", "")
    return key if plain.isascii() and plain.isalnum() else json.dumps(key, ensure_ascii=False)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    # JSON and TOML write strings, booleans and numbers alike.
    return json.dumps(value, ensure_ascii=False)
