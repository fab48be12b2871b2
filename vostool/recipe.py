"""Recipes: TOML files that name every choice of a training, read into checked values.

A recipe is found by name among those shipped or by path. `extends` takes over another recipe's
values, `--set a.b=value` overrides single ones, and everything wrong is reported at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from torch import nn

from vostool.core import registry
from vostool.core.errors import DataError, UsageError
from vostool.core.options import Assignment, Options, assign, merged, read_assignment
from vostool.core.recipe_files import find_recipe
from vostool.core.toml import explain_mistakes, read_toml
from vostool.models.segmenter import ENTRY_POINT_GROUP
from vostool.training.clips.merging import MergeOptions
from vostool.training.clips.video_clips import VideoClipOptions
from vostool.training.config import (
    CheckpointOptions,
    CurriculumOptions,
    LoopOptions,
    OptimiserOptions,
    ScheduleOptions,
    ValidationOptions,
)
from vostool.training.objective import in_groups, read_objective
from vostool.training.synthesis.synthesize import SynthesisOptions

SYSTEMS, DETECTORS = "vostool.models.systems", "vostool.models.detectors"
OWN = ("description", "papers")
"""Keys that `extends` does not take over."""


class ModelChoice(BaseModel):
    """A network by name, with the values of its own `Config`."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str = Field(description="stm, famnet, scmn, or a network from a package")

    @property
    def values(self) -> dict[str, Any]:
        """Values for the network's `Config`."""
        return dict(self.__pydantic_extra__ or {})


class DataEntry(Options):
    """One source of clips; its folder is given as `--data ENTRY=FOLDER`."""

    video: str | None = Field(None, description="video data set, such as youtubevos2019")
    stills: str | None = Field(None, description="kind of still images, such as image-folder")
    split: str = Field("train", description="split of a video data set")
    section: Literal["train", "val"] | None = Field(
        None,
        description="part of an offline split (`vostool split`), instead of all videos; for "
        'stills, "train" demands that a split says which videos are left out',
    )
    weight: float = Field(1.0, ge=0, description="share of the clips; 0 leaves the entry out")
    optional: bool = Field(False, description="go on without it if no folder is given")

    @model_validator(mode="after")
    def _one_kind(self) -> DataEntry:
        if (self.video is None) == (self.stills is None):
            raise ValueError("give either video or stills")
        if self.stills is not None and self.section == "val":
            raise ValueError("stills are for training, so section cannot be val")
        return self


class Recipe(Options):
    """Everything that a training depends on, apart from where files are."""

    name: str
    description: str = Field(min_length=1, description="one line")
    papers: dict[str, str] = Field(default_factory=dict, description="published figures")
    model: ModelChoice
    data: dict[str, DataEntry] = Field(min_length=1)
    clip: VideoClipOptions = VideoClipOptions()
    curriculum: CurriculumOptions = CurriculumOptions()
    synthesis: SynthesisOptions = SynthesisOptions()
    merge: MergeOptions = MergeOptions()
    loop: LoopOptions
    optimiser: OptimiserOptions = OptimiserOptions()
    schedule: ScheduleOptions = ScheduleOptions()
    losses: dict[str, Any] = Field(
        default_factory=dict,
        description="losses by name: a weight, or a group of weight, kind, of, optional and the "
        "loss's own values",
    )
    validation: ValidationOptions = ValidationOptions()
    checkpoints: CheckpointOptions = CheckpointOptions()

    @model_validator(mode="before")
    @classmethod
    def _clips_of_one_size(cls, table: Any) -> Any:
        """Clips from stills are as long and large as those from videos, unless that is written."""
        if not isinstance(table, dict) or not isinstance(table.get("clip"), dict):
            return table
        entries = table.get("data")
        used = list(entries.values()) if isinstance(entries, dict) else []
        mixed = all(
            any(isinstance(entry, dict) and entry.get(kind) for entry in used)
            for kind in ("video", "stills")
        )
        synthesis = table.get("synthesis", {})
        if not mixed or not isinstance(synthesis, dict):
            return table
        size = {name: table["clip"][name] for name in ("frames", "crop") if name in table["clip"]}
        return {**table, "synthesis": size | synthesis}

    @model_validator(mode="after")
    def _clips_agree(self) -> Recipe:
        used = [entry for entry in self.data.values() if entry.weight > 0]
        if not used:
            raise ValueError("no data entry has a weight above 0")
        mixed = any(entry.video for entry in used) and any(entry.stills for entry in used)
        for name in ("frames", "crop"):
            if mixed and getattr(self.clip, name) != getattr(self.synthesis, name):
                raise ValueError(
                    f"clip.{name} and synthesis.{name} must be equal in a mixture: leave the "
                    "latter out"
                )
        return self

    @model_validator(mode="after")
    def _validates_on_videos(self) -> Recipe:
        entry = self.validation.data
        if entry is None:
            return self
        if entry not in self.data:
            raise ValueError(f"validation.data names {entry!r}, which is not under data")
        if self.data[entry].video is None:
            raise ValueError(f"validation.data names {entry!r}, which has no videos")
        return self

    def resolved(self) -> dict[str, Any]:
        """All values, as JSON can hold them."""
        return self.model_dump(mode="json")


def load_recipe(name: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe by name or path, with `a.b=value` overrides.

    Raises:
        UsageError: unknown recipe; unknown keys, wrong values or overrides, all listed.
        DataError: a file that is not TOML, or recipes that extend each other in a circle.
    """
    path = find_recipe(name)
    table = _read(path, ())
    assign(table, map(_override, overrides))
    return parse_recipe({"name": path.stem, **table}, str(path.name))


def with_overrides(recipe: Recipe, overrides: Sequence[str]) -> Recipe:
    """A recipe with `a.b=value` overrides.

    Raises:
        UsageError: as for `load_recipe`.
    """
    table = recipe.resolved()
    assign(table, map(_override, overrides))
    return parse_recipe(table, recipe.name)


def parse_recipe(table: dict[str, Any], where: str) -> Recipe:
    """Check a table of values, those of the network and of the losses included.

    Raises:
        UsageError: listing everything that is wrong.
    """
    problems: list[str] = []
    recipe: Recipe | None = None
    try:
        recipe = Recipe.model_validate(table)
    except ValidationError as error:
        problems += explain_mistakes(error, Recipe)
    config, model_problems = _model_config(table.get("model"))
    problems += model_problems
    losses = table.get("losses", {})
    objective, loss_problems = read_objective(losses if isinstance(losses, dict) else {})
    problems += loss_problems
    if recipe is None or config is None or objective is None or problems:
        count = "" if len(problems) == 1 else f"{len(problems)} mistakes: "
        raise UsageError(
            f"{count}{'; '.join(problems)}", where=where, remedy="correct the recipe or --set"
        )
    full = {"name": recipe.model.name, **config.model_dump(mode="json")}
    values = {"model": ModelChoice.model_validate(full), "losses": objective.table()}
    return recipe.model_copy(update=values)


def network_module(name: str) -> Any:
    """The module, with `Config` and `build`, of a network that segments videos or of a detector.

    Raises:
        UsageError: there is none.
    """
    if name.replace("_", "-") in registry.names(DETECTORS):
        return registry.load(DETECTORS, name, kind="detector")
    return registry.load(SYSTEMS, name, kind="model", entry_point_group=ENTRY_POINT_GROUP)


def build_model(
    choice: ModelChoice, *, weights: str | None = None, device: str = "cpu"
) -> nn.Module:
    """Build the network of a recipe.

    Args:
        weights: replaces the recipe's choice of backbone weights: "none", "imagenet" or a file.
        device: where; "meta" gives names and shapes without taking memory.

    Raises:
        UsageError: no such network, or values that it does not have.
    """
    module = network_module(choice.name)
    values = choice.values if weights is None else {**choice.values, "weights": weights}
    try:
        config = module.Config.model_validate(values)
    except ValidationError as error:
        raise UsageError("; ".join(explain_mistakes(error, module.Config, "model."))) from None
    with torch.device(device):
        return module.build(config)


def _override(text: str) -> Assignment:
    """One `a.b=value`; a bare value for a loss is its weight."""
    item = read_assignment(text)
    if item.path[0] == "losses" and len(item.path) == 2 and not isinstance(item.value, dict):
        return replace(item, path=(*item.path, "weight"))
    return item


def _read(path: Path, chain: tuple[Path, ...]) -> dict[str, Any]:
    """A recipe's table with what it extends merged in below."""
    if path in chain:
        circle = " -> ".join(step.stem for step in (*chain, path))
        raise DataError(f"recipes extend each other in a circle: {circle}", where=path)
    table = read_toml(path)
    if isinstance(table.get("losses"), dict):
        table["losses"] = in_groups(table["losses"])  # so that groups are merged, not weights
    parent = table.pop("extends", None)
    if parent is None:
        return table
    if not isinstance(parent, str):
        raise UsageError("extends must be the name of one recipe", where=path)
    below = _read(find_recipe(parent, path.parent), (*chain, path))
    # Another configuration has other figures and needs a description of its own.
    return merged({key: below[key] for key in below if key not in OWN}, table)


def _model_config(table: Any) -> tuple[BaseModel | None, list[str]]:
    """The network's checked configuration, or None with what is wrong."""
    if not isinstance(table, dict) or not isinstance(table.get("name"), str):
        return None, []
    try:
        module = network_module(table["name"])
    except UsageError as error:
        return None, [f"model.name: {error}"]
    try:
        values = {key: value for key, value in table.items() if key != "name"}
        return module.Config.model_validate(values), []
    except ValidationError as error:
        return None, explain_mistakes(error, module.Config, "model.")
