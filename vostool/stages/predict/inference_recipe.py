"""Inference recipes: TOML files that say how trained networks are run.

A recipe holds values of `InferenceSettings` under `[inference]` and post-processing steps under
`[postprocess]`. What depends on the machine (device, compilation, where model files are) or on what
the result is for (probabilities, all frames) is left to the command line.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model

from vostool.core.errors import UsageError
from vostool.core.options import Options
from vostool.inference.strategy import parse_strategies
from vostool.inference.views import parse_views
from vostool.postprocess.chain import parse_steps
from vostool.stages.predict.infer import InferenceSettings
from vostool.stages.shipped_files import read_shipped

FOLDER = "inference"
NOT_IN_RECIPES = ("device", "compile", "save_probabilities", "all_frames", "tracker_model")


def _inference_values() -> type[BaseModel]:
    """A model with the fields of `InferenceSettings`, so that a new setting is in recipes too."""
    hints = get_type_hints(InferenceSettings)
    fields: dict[str, Any] = {
        field.name: (
            hints[field.name],
            field.default_factory()
            if field.default_factory is not dataclasses.MISSING
            else field.default,
        )
        for field in dataclasses.fields(InferenceSettings)
        if field.name not in NOT_IN_RECIPES
    }
    config = ConfigDict(extra="forbid", frozen=True)
    return create_model("InferenceValues", __config__=config, **fields)


InferenceValues = _inference_values()


class PostprocessValues(Options):
    """Steps and their parameters, as `vostool postprocess --steps --set` takes them."""

    steps: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


class InferenceRecipe(Options):
    """How networks are run; `tuned` says where the values come from."""

    description: str = Field(min_length=1)
    inference: InferenceValues = InferenceValues()  # type: ignore[valid-type]
    postprocess: PostprocessValues = PostprocessValues()
    tuned: dict[str, Any] = Field(default_factory=dict)

    @property
    def values(self) -> dict[str, Any]:
        """The settings that the recipe states."""
        return stated(self.inference)


def stated(values: BaseModel) -> dict[str, Any]:
    """The values that were given, defaults left out, as `InferenceSettings` takes them."""
    return {name: getattr(values, name) for name in sorted(values.model_fields_set)}


def settings_as_json(settings: InferenceSettings) -> dict[str, Any]:
    """The settings that belong into a recipe, all of them, as JSON can hold them."""
    values = TypeAdapter(InferenceSettings).dump_python(settings, mode="json")
    return {name: value for name, value in values.items() if name not in NOT_IN_RECIPES}


def read_inference_recipe(name: str) -> InferenceRecipe:
    """Read and check an inference recipe, given by path or as the name of a shipped one.

    Raises:
        UsageError: there is none; unknown keys or wrong values, all of them listed.
        DataError: not a TOML file.
    """
    _, recipe = read_shipped(name, FOLDER, "inference recipe", InferenceRecipe)
    check_inference(recipe.values, recipe.postprocess)
    return recipe


def check_inference(values: Mapping[str, Any], post: PostprocessValues) -> None:
    """Raise UsageError for views, strategies or steps that do not exist or contradict."""
    parse_views(values.get("tta", "none"))
    parse_strategies(values.get("memory", ("every:5",)))
    if post.steps:
        parse_steps(post.steps, post.settings)
    elif post.settings:
        raise UsageError("postprocess.settings without postprocess.steps", remedy="name the steps")


def combine_settings(
    recipe: InferenceRecipe | None, values: Mapping[str, Any], explicit: Collection[str]
) -> InferenceSettings:
    """Settings of a command line on top of a recipe.

    Args:
        values: all settings of the command line, defaults included.
        explicit: names of those that the user wrote, which win over the recipe.
    """
    stated_there = {} if recipe is None else recipe.values
    chosen = {
        name: stated_there[name] if name in stated_there and name not in explicit else value
        for name, value in {**stated_there, **values}.items()
    }
    return InferenceSettings(**chosen)
