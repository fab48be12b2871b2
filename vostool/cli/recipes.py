"""List the recipes, or print one with everything filled in and explained.

What is printed for one recipe is a recipe file itself. `inference` stands for all options of
`vostool infer`, `inference/famnet` for an inference recipe.

Example: `vostool recipes famnet-r50 --set loop.batch=2 > mine.toml`
"""

from __future__ import annotations

from typing import Annotated

import typer

STAGE = "train"


def run(
    name: Annotated[str | None, typer.Argument(help="Recipe to print; default: list all.")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="Override a value: optimiser.name=sgd.")
    ] = None,
) -> None:
    """List the recipes, or print one with everything filled in."""
    from rich.console import Console

    from vostool.recipe import load_recipe
    from vostool.stages.predict.inference_recipe import FOLDER, inference_as_toml
    from vostool.stages.train.recipes import as_toml, list_recipes, recipe_table

    if name is None:
        Console().print(recipe_table(list_recipes()))
    elif name.partition("/")[0] == FOLDER and not name.endswith(".toml"):
        print(inference_as_toml(name.partition("/")[2] or None, overrides or []), end="")
    else:
        print(as_toml(load_recipe(name, overrides or [])), end="")
