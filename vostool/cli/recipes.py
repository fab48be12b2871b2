"""List the recipes, print one with everything filled in and explained, or compare two.

What is printed for one recipe is a recipe file itself. `inference` stands for all options of
`vostool infer`, `inference/famnet` for an inference recipe. The list has the papers' figures on a
terminal, and a line per recipe elsewhere.

Example: `vostool recipes famnet-r50 --set loop.batch=2 > mine.toml`

Example: `vostool recipes --diff famnet-r50 famnet-r50-sgd`
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from vostool.cli import _completion, options

if TYPE_CHECKING:
    from rich.table import Table

    from vostool.core.recipe_files import Shipped

STAGE = "train"


def run(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Recipe to print; default: list all.", autocompletion=_completion.all_recipes
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="Override a value: optimiser.name=sgd.")
    ] = None,
    diff: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--diff",
            metavar="A B",
            help="What two recipes differ in.",
            autocompletion=_completion.all_recipes,
        ),
    ] = None,
) -> None:
    """List the recipes, print one, or compare two."""
    from vostool.core.errors import UsageError

    if overrides and name is None:
        raise UsageError("--set is for the recipe that is printed", remedy="name it, too")
    if diff is not None and name is not None:
        raise UsageError("--diff names both recipes itself", remedy=f"leave out {name}")
    if diff is not None:
        from vostool.stages.train.recipes import differences

        options.results().print(differences(*diff))
    elif name is not None:
        from vostool.stages.train.recipes import recipe_text

        print(recipe_text(name, overrides or []), end="")
    else:
        from vostool.core.recipe_files import shipped_recipes

        _list(shipped_recipes())


def _list(recipes: Sequence[Shipped]) -> None:
    console = options.results()
    if console.is_terminal:
        console.print(_table(recipes))
        return
    width = max(len(recipe.name) for recipe in recipes)
    for recipe in recipes:
        print(f"{recipe.name:{width}}  {recipe.description}")


def _table(recipes: Sequence[Shipped]) -> Table:
    """Names, descriptions and the papers' figures."""
    from rich.table import Table
    from rich.text import Text

    table = Table(show_lines=True)
    table.add_column("recipe", no_wrap=True)
    table.add_column("what it is")
    table.add_column("published figures")
    for recipe in recipes:
        figures = "\n".join(f"{name}: {value}" for name, value in recipe.papers.items())
        table.add_row(recipe.name, recipe.description, Text(figures))
    return table
