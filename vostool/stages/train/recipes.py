"""What recipes there are, and one recipe with everything filled in."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from vostool.core.toml import toml_text
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
