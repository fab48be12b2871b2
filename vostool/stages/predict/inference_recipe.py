"""Inference recipes: TOML files that say how trained networks are run.

`[inference]` holds options that change results, `[postprocess]` steps. What depends on the machine
(device, compilation, where model files are) or on what the result is for (probabilities, all
frames) is the other half of the options, and left to the command line.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from vostool.core.described_toml import described_toml
from vostool.core.errors import CheckpointError, UsageError
from vostool.core.options import Options, assign, merged, read_assignment
from vostool.core.project import seen_from_here
from vostool.core.recipe_files import INFERENCE
from vostool.inference.options import InferenceOptions, InferenceSettings
from vostool.postprocess.chain import parse_steps
from vostool.predictions.manifest import file_digest
from vostool.predictions.origin import recorded_root
from vostool.stages.shipped_files import read_shipped

EXAMPLE = "crop_zoom.margin=2"


class PostprocessValues(Options):
    """Steps and their parameters, as `vostool postprocess --steps --set` takes them."""

    steps: tuple[str, ...] = Field((), description="in order")
    settings: tuple[str, ...] = Field((), description="such as drop-small.min-area=64")

    @model_validator(mode="after")
    def _known(self) -> PostprocessValues:
        if not self.steps and self.settings:
            raise ValueError("settings are of no use without steps")
        try:
            parse_steps(self.steps, self.settings)
        except UsageError as error:
            raise ValueError(str(error)) from error
        return self


class InferenceRecipe(Options):
    """How networks are run."""

    description: str = Field(min_length=1, description="one line")
    inference: InferenceOptions = Field(
        default_factory=InferenceOptions, description="what changes results"
    )
    postprocess: PostprocessValues = Field(
        PostprocessValues(), description="what follows, by `vostool postprocess --recipe`"
    )
    checkpoints: dict[str, str] = Field(
        default_factory=dict,
        description="networks of `vostool infer` without --checkpoint: a path, seen from this file "
        "where it is no absolute one, and its SHA-256",
    )
    tuned: dict[str, Any] = Field(
        default_factory=dict, description="where `vostool tune` has the values from"
    )


def inference_as_toml(name: str | None = None, sets: Sequence[str] = ()) -> str:
    """An inference recipe with all values filled in and explained, as a recipe file again.

    Args:
        name: of the recipe; without it, all options there are, with their defaults.
        sets: `a.b=value` texts.

    Raises:
        UsageError, DataError: as `read_inference_recipe` and `combine`.
    """
    everything = InferenceRecipe(description="all options of inference")
    recipe = everything if name is None else read_inference_recipe(name)
    chosen = combine(recipe, {}, sets).inference
    return described_toml(recipe.model_copy(update={"inference": chosen}))


def stated(options: InferenceOptions) -> dict[str, Any]:
    """The values that were given, defaults left out, as recipes hold them."""
    return options.model_dump(mode="json", exclude_unset=True)


def read_inference_recipe(name: str) -> InferenceRecipe:
    """Read and check an inference recipe, given by path or as the name of a shipped one.

    Raises:
        UsageError: there is none; unknown keys or wrong values, all of them listed.
        DataError: not a TOML file.
    """
    return read_shipped(name, INFERENCE, "inference recipe", InferenceRecipe)[1]


def inference_recipe_file(name: str) -> Path:
    """The file of a recipe, given by path or by name.

    Raises:
        UsageError, DataError: as `read_inference_recipe`.
    """
    return read_shipped(name, INFERENCE, "inference recipe", InferenceRecipe)[0]


def remembered(checkpoints: Sequence[Path], recipe: Path) -> dict[str, str]:
    """What a recipe file holds of the checkpoints that it was made with."""
    return {recorded_root(path, recipe.parent): file_digest(path) for path in checkpoints}


def recipe_checkpoints(name: str, recipe: InferenceRecipe) -> list[Path]:
    """The checkpoints that a recipe remembers, as seen from the current folder.

    Args:
        name: what the recipe was read by.

    Raises:
        CheckpointError: one is not there any more, or is not what it was.
    """
    found = []
    for text, digest in recipe.checkpoints.items():
        path = seen_from_here(Path(os.path.normpath(Path(name).resolve().parent / text)))
        if not path.is_file():
            raise CheckpointError(
                f"a checkpoint that {name} was made with is not there",
                where=path,
                remedy="put it back, or give --checkpoint",
            )
        if file_digest(path) != digest:
            raise CheckpointError(
                f"a checkpoint is not the one that {name} was made with, it has changed since",
                where=path,
                remedy="run vostool tune again, or give --checkpoint to use it all the same",
            )
        found.append(path)
    return found


def combine(
    recipe: InferenceRecipe | None, flags: Mapping[str, Any], sets: Sequence[str]
) -> InferenceSettings:
    """Settings of a command line on top of a recipe on top of the defaults, value by value.

    Args:
        flags: values of the named flags that the user wrote; an empty group switches a wrapper on,
            None switches it off.
        sets: `a.b=value` texts, for single values of either half.

    Raises:
        UsageError: unknown or wrong values, or ones that contradict each other.
    """
    assignments = [read_assignment(text, example=EXAMPLE) for text in sets]
    for item in assignments:
        name = item.path[0]
        flag = "--" + name.replace("_", "-")
        if name in flags and flags[name] is None:
            raise UsageError(
                f"{item.text} has no effect with --no-{flag[2:]}", remedy="leave one of them out"
            )
        if name in flags and (len(item.path) == 1 or not isinstance(flags[name], Mapping)):
            raise UsageError(f"{item.text} and {flag} say the same", remedy="leave one of them out")
    table = merged({} if recipe is None else stated(recipe.inference), flags)
    for item in assignments:
        if table.get(item.path[0], ...) is None:
            table[item.path[0]] = {}
    assign(table, assignments)
    return InferenceSettings.of(table)
