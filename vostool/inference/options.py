"""All options of inference, one tree in two halves: what changes results, and what does not.

The first half is what recipes hold, what a resumed run compares and what the manifest records. Its
groups are the wrappers there are: a group that is there switches its wrapper on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError, create_model, model_validator

from vostool.core.errors import UsageError
from vostool.core.options import Options
from vostool.core.toml import explain_mistakes
from vostool.inference import wrapper
from vostool.inference.execution import Execution
from vostool.inference.propagation_options import ResultOptions


class _Nested(ResultOptions):
    """`ResultOptions` with wrappers, each a group of its own or None."""

    @model_validator(mode="after")
    def _nests(self) -> _Nested:
        wrapper.nested(self._groups(), self.nesting)
        return self

    def _groups(self) -> dict[str, Options]:
        """Options of the wrappers that are on, by name."""
        names = type(self).model_fields.keys() - ResultOptions.model_fields.keys()
        groups = {name: getattr(self, name) for name in sorted(names)}
        return {name: group for name, group in groups.items() if group is not None}

    @property
    def wrappers(self) -> dict[str, Options]:
        """Options of the wrappers that are on, by name, the outermost first."""
        groups = self._groups()
        return {name: groups[name] for name in wrapper.nested(groups, self.nesting)}


def _with_wrappers() -> type[_Nested]:
    fields: dict[str, Any] = {}
    for name in map(wrapper.field, wrapper.names()):
        if name in ResultOptions.model_fields or name in Execution.model_fields:
            raise UsageError(f"a wrapper cannot be called {name}: there is an option of that name")
        kind = wrapper.load(name).Options
        fields[name] = (kind | None, Field(None, description=wrapper.summary(name)))
    return create_model("InferenceOptions", __base__=_Nested, __module__=__name__, **fields)


if TYPE_CHECKING:
    InferenceOptions = _Nested
else:
    InferenceOptions = _with_wrappers()


class InferenceSettings(Options):
    """Both halves."""

    inference: InferenceOptions = Field(
        default_factory=InferenceOptions, description="what changes results"
    )
    execution: Execution = Field(
        default_factory=Execution, description="where networks run, and what is written"
    )

    @model_validator(mode="after")
    def _files_are_read(self) -> InferenceSettings:
        unused = sorted(self.execution.model_files.keys() - wrapper.reads(self.inference))
        if unused:
            raise ValueError(
                f"model_files names {', '.join(unused)}, which nothing uses: "
                f"set crop_zoom.tracker={unused[0]}, or leave it out"
            )
        return self

    @classmethod
    def of(cls, table: Mapping[str, Any] | None = None, **values: Any) -> InferenceSettings:
        """Settings of values of both halves, side by side; "none" stands for no value.

        Raises:
            UsageError: unknown names, wrong or contradictory values; all of them listed.
        """
        values = {**(table or {}), **values}
        halves: dict[str, dict[str, Any]] = {"inference": {}, "execution": {}}
        for name, value in values.items():
            half = "execution" if name in Execution.model_fields else "inference"
            halves[half][name] = _nothing(name, value)
        problems: list[str] = []
        made: dict[str, Any] = {}
        for half, kind in (("inference", InferenceOptions), ("execution", Execution)):
            try:
                made[half] = kind.model_validate(halves[half])
            except ValidationError as error:
                problems += explain_mistakes(error, kind)
        if problems:
            raise UsageError("; ".join(problems), remedy="correct the recipe, --set or the flag")
        try:
            return cls(**made)
        except ValidationError as error:
            raise UsageError("; ".join(explain_mistakes(error, cls))) from None

    def with_files(self, files: Mapping[str, tuple[Path, ...]]) -> InferenceSettings:
        """The same with those of the model files that its wrappers read."""
        read = wrapper.reads(self.inference)
        return self.changed(model_files={k: v for k, v in files.items() if k in read})

    def changed(self, **values: Any) -> InferenceSettings:
        """The same with other values of either half. Raises UsageError as `of`."""
        return InferenceSettings.of({**dict(self.inference), **dict(self.execution), **values})


def _nothing(name: str, value: Any) -> Any:
    """None for the text "none" where the option may be without a value."""
    field = InferenceOptions.model_fields.get(name)
    if value == "none" and field is not None and field.default is None:
        return None
    return value
