"""What recipes there are, and one recipe with everything filled in."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel
from rich.table import Table

from vostool.core.described_toml import described_toml
from vostool.recipe import Recipe, load_recipe, network_module, recipe_names
from vostool.training.objective import objective_of


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
    """A recipe with all values filled in and explained, as a recipe file again."""
    kinds: dict[tuple[str, ...], type[BaseModel]] = {
        ("model",): network_module(recipe.model.name).Config
    }
    for term in objective_of(recipe.losses).terms:
        kinds["losses", term.name] = type(term.options)
    return described_toml(recipe, kinds, leave_out=("name",))
