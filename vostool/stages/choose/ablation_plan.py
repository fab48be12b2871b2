"""Ablation files: rows of a published table, and how each is made here."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from vostool.core.errors import UsageError
from vostool.core.options import Options, merged
from vostool.core.recipe_files import find_recipe
from vostool.core.toml import explain_mistakes
from vostool.ensembling.fitting import FitOptions
from vostool.inference.options import InferenceOptions
from vostool.reporting.ablation import PublishedRow, PublishedTables
from vostool.stages.predict.inference_recipe import PostprocessValues, stated
from vostool.stages.shipped_files import read_shipped

FOLDER = "ablations"


class Stage(Options):
    """One training of a row; it starts from the one before it."""

    recipe: str
    set: tuple[str, ...] = Field((), description="overrides, as `vostool train --set` takes them")


class SharedOverrides(Options):
    """What all trainings of one recipe have in common; a training's own `set` wins."""

    set: tuple[str, ...] = Field((), description="overrides, as `vostool train --set` takes them")


class Row(Options):
    """One configuration."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    label: str = Field("", description="as in the paper's table")
    table: str = Field("", description="rows of one table belong together")
    paper: float | None = Field(None, description="the paper's figure, in percent")
    note: str = ""
    shown: bool = Field(True, description="false: made for other rows only")
    train: tuple[Stage, ...] = Field((), description="trainings in order")
    start: str | None = Field(
        None, description="row whose network this one starts from, or uses as it is"
    )
    shared: bool = Field(
        False,
        description="in cross-validation: trained once, with the first seed, on no video of any "
        "fold, so that all trials of other rows can start from it",
    )
    members: tuple[str, ...] = Field((), description="rows whose networks run in step")
    fit: Literal["learned", "weighted"] | None = Field(
        None,
        description="how members are merged, fitted on the videos of [fit]; without it as "
        "inference.merge says",
    )
    inference: InferenceOptions = Field(default_factory=InferenceOptions)
    postprocess: PostprocessValues = PostprocessValues()

    @property
    def sources(self) -> tuple[str, ...]:
        """Rows that must be there before this one."""
        return (*((self.start,) if self.start else ()), *self.members)

    @model_validator(mode="after")
    def _has_a_network(self) -> Row:
        if self.members and (self.train or self.start):
            raise ValueError("members run as they are, without train or start")
        if not (self.members or self.train or self.start):
            raise ValueError("give train, start or members")
        if self.fit and not self.members:
            raise ValueError("only a row of members can be fitted")
        return self


class Evaluation(Options):
    """What all rows are scored on."""

    dataset: str
    data: str | None = Field(None, description="name under --data; default the data set's")
    split: str | None = Field(None, description="split of the data set")
    section: bool = Field(False, description="the val part of the offline split instead")
    videos: tuple[str, ...] = Field((), description="these only")

    @property
    def entry(self) -> str:
        """Name under --data."""
        return self.data or self.dataset

    @model_validator(mode="after")
    def _one_split(self) -> Evaluation:
        if (self.split is None) == (not self.section):
            raise ValueError("give either split or section = true")
        return self


class Fitting(Evaluation):
    """Videos that no member was trained on, and how merging is fitted to them."""

    options: FitOptions = Field(default_factory=FitOptions)


class AblationPlan(Options):
    """A paper's ablation tables."""

    title: str
    description: str = Field(min_length=1, description="what a reader of the figures must know")
    paper_figure: str = Field(description="what the paper's figures are")
    figure: str | None = Field(None, description="ours, such as G; default the one that ranks")
    seeds: tuple[int, ...] = Field((0,), min_length=1)
    evaluate: Evaluation
    fit: Fitting | None = None
    inference: InferenceOptions = Field(default_factory=InferenceOptions)
    recipe: dict[str, SharedOverrides] = Field(
        default_factory=dict, description="by a recipe's name: for all trainings of this recipe"
    )
    row: tuple[Row, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _rows_fit_together(self) -> AblationPlan:
        known: set[str] = set()
        for row in self.row:
            if row.name in known:
                raise ValueError(f"two rows are named {row.name}")
            missing = [name for name in row.sources if name not in known]
            if missing:
                raise ValueError(f"row {row.name} needs {', '.join(missing)} above it")
            known.add(row.name)
        own = {row.name for row in self.row if not row.shared}
        for row in self.row:
            if row.shared and (wrong := own & set(row.sources)):
                raise ValueError(
                    f"row {row.name} is shared, and starts from {', '.join(sorted(wrong))}, which "
                    "is not"
                )
        return self

    @model_validator(mode="after")
    def _fits_are_honest(self) -> AblationPlan:
        fitted = [row.name for row in self.row if row.fit]
        if not fitted:
            return self
        if self.fit is None:
            raise ValueError(f"row {fitted[0]} is fitted: say on which videos in [fit]")
        mine, scored = (
            (item.entry, item.section, item.split) for item in (self.fit, self.evaluate)
        )
        if mine == scored:
            raise ValueError("merging is fitted on the videos that are scored")
        return self

    @model_validator(mode="after")
    def _recipes_are_used(self) -> AblationPlan:
        used = {stage.recipe for row in self.row for stage in row.train}
        unused = [name for name in self.recipe if name not in used]
        if unused:
            raise ValueError(
                f"recipe.{', recipe.'.join(unused)}: no row is trained with it, but with "
                f"{', '.join(sorted(used))}"
            )
        return self

    def published(self) -> PublishedTables:
        """The tables that the shown rows are of."""
        rows = tuple(
            PublishedRow(row.name, row.label, row.table, row.paper, row.note)
            for row in self.row
            if row.shown
        )
        return PublishedTables(self.title, self.description, self.paper_figure, rows)

    def named(self, name: str) -> Row:
        """The row of this name. Raises UsageError if there is none."""
        for row in self.row:
            if row.name == name:
                return row
        names = ", ".join(row.name for row in self.row)
        raise UsageError(f"there is no row {name!r}", remedy=f"rows are {names}")

    def needed(self, only: tuple[str, ...]) -> list[Row]:
        """All rows, or those asked for."""
        wanted = [self.named(name).name for name in only]
        return [row for row in self.row if not wanted or row.name in wanted]


def read_plan(name: str) -> AblationPlan:
    """Read an ablation file, given by path or as the name of a shipped one.

    Raises:
        UsageError: there is none; unknown keys or wrong values, all of them listed.
        DataError: not a TOML file.
    """
    path, plan = read_shipped(name, FOLDER, "ablation file", AblationPlan)
    for row in plan.row:
        try:
            inference_of(plan, row)
        except ValidationError as error:
            clauses = "; ".join(explain_mistakes(error, InferenceOptions))
            raise UsageError(
                f"row {row.name} and inference: {clauses}", where=path, remedy="correct the file"
            ) from None
    rows = tuple(_with_recipe_files(plan, row, path.parent) for row in plan.row)
    return plan.model_copy(update={"row": rows})


def _with_recipe_files(plan: AblationPlan, row: Row, beside: Path) -> Row:
    """The row with its recipes' names replaced by their files; those beside come first.

    What the trainings of a recipe share is put before their own overrides.
    """
    stages = tuple(
        Stage(
            recipe=str(find_recipe(stage.recipe, beside)),
            set=(*plan.recipe.get(stage.recipe, SharedOverrides()).set, *stage.set),
        )
        for stage in row.train
    )
    return row.model_copy(update={"train": stages})


def inference_of(plan: AblationPlan, row: Row) -> InferenceOptions:
    """Inference options of a row on top of those of all rows, value by value.

    Raises:
        pydantic.ValidationError: together they contradict each other.
    """
    return InferenceOptions.model_validate(merged(stated(plan.inference), stated(row.inference)))


def parse_seeds(text: str) -> tuple[int, ...]:
    """Read "0,1,2". Raises UsageError for anything else."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts) or len(set(parts)) < len(parts):
        raise UsageError(f"cannot read --seeds {text!r}", remedy="write --seeds 0,1,2")
    return tuple(int(part) for part in parts)
