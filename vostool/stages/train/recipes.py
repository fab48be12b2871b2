"""What recipes there are, one with everything filled in, and what two differ in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field, create_model
from rich.table import Table

from vostool.core.described_toml import described_toml
from vostool.core.recipe_files import INFERENCE, SUFFIX
from vostool.nn.part_choice import KINDS, PartChoice
from vostool.recipe import Recipe, load_recipe, network_module
from vostool.stages.predict.inference_recipe import (
    InferenceRecipe,
    combine,
    inference_as_toml,
    read_inference_recipe,
)
from vostool.training.objective import objective_of

TITLES = ("name", "description", "papers")
"""What a recipe says of itself; two recipes differ in it anyway."""
NOTHING = "-"


def as_toml(recipe: Recipe) -> str:
    """A recipe with all values filled in and explained, as a recipe file again."""
    kinds: dict[tuple[str, ...], type[BaseModel]] = {("model",): _model_class(recipe)}
    for kind in KINDS:
        choice = recipe.model.values.get(kind.word)
        if isinstance(choice, Mapping):
            part = PartChoice.model_validate(choice)
            kinds["model", kind.word] = (
                PartChoice
                if part.left_out
                else _with_name(kind.module(part.name).Config, "name", f"of the {kind.word}")
            )
    for term in objective_of(recipe.losses).terms:
        kinds["losses", term.name] = _with_name(type(term.options), "kind", "name of the loss")
    return described_toml(recipe, kinds, leave_out=("name",))


def _model_class(recipe: Recipe) -> type[BaseModel]:
    config = network_module(recipe.model.name).Config
    return _with_name(config, "name", "of the network")


def _with_name(config: type[BaseModel], field: str, meaning: str) -> type[BaseModel]:
    """A class of options with the field that says whose options they are."""
    described: Any = (str, Field("", description=meaning))
    made = create_model(config.__name__, __base__=config, **{field: described})
    made.__doc__ = config.__doc__
    return made


def recipe_text(name: str, overrides: Sequence[str] = ()) -> str:
    """A recipe by name or file, of a training or ("inference", "inference/NAME") of networks' use.

    Raises:
        UsageError, DataError: there is none, or something in it is wrong.
    """
    if _is_of_inference(name):
        return inference_as_toml(name.partition("/")[2] or None, overrides)
    return as_toml(load_recipe(name, overrides))


def differences(first: str, second: str) -> Table:
    """The values in which two recipes differ, those of one of them alone included.

    Raises:
        UsageError, DataError: as `recipe_text`.
    """
    ours, theirs = (dict(_flat(_values(name))) for name in (first, second))
    table = Table()
    for title in ("value", first, second):
        table.add_column(title, overflow="fold")
    for name in dict.fromkeys([*ours, *theirs]):
        old, new = (
            json.dumps(values[name], ensure_ascii=False) if name in values else NOTHING
            for values in (ours, theirs)
        )
        if old != new:
            table.add_row(name, old, new)
    return table


def _is_of_inference(name: str) -> bool:
    return name.partition("/")[0] == INFERENCE and not name.endswith(SUFFIX)


def _values(name: str) -> dict[str, Any]:
    if not _is_of_inference(name):
        values = load_recipe(name).resolved()
        return {key: value for key, value in values.items() if key not in TITLES}
    short = name.partition("/")[2]
    recipe = read_inference_recipe(short) if short else InferenceRecipe(description="the defaults")
    steps = recipe.postprocess.model_dump(mode="json")
    return {
        INFERENCE: combine(recipe, {}, ()).inference.model_dump(mode="json"),
        "postprocess": steps,
    }


def _flat(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
