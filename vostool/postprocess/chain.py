"""Steps by name with parameters as text, as they come from a command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ValidationError

from vostool.core import registry
from vostool.core.errors import UsageError
from vostool.core.options import read_assignment
from vostool.core.suggest import did_you_mean
from vostool.postprocess.sequence import Change, FrameEdit, MaskSequence

PACKAGE = "vostool.postprocess.steps"


@dataclass(frozen=True)
class Step:
    """A step with its parameters, ready to run."""

    name: str
    params: BaseModel
    apply: Callable[[MaskSequence, Any], MaskSequence]

    def __call__(self, sequence: MaskSequence) -> MaskSequence:
        """Run the step; changes that it notes get its name."""
        result = self.apply(sequence, self.params)
        frames = tuple(replace(frame, changes=self._named(frame)) for frame in result.frames)
        return replace(result, frames=frames)

    def _named(self, frame: FrameEdit) -> tuple[Change, ...]:
        return tuple(item if item.step else replace(item, step=self.name) for item in frame.changes)


def step_names() -> list[str]:
    """Names of all steps, sorted."""
    return registry.names(PACKAGE)


def parse_steps(names: Sequence[str], settings: Sequence[str] = ()) -> list[Step]:
    """Steps in the order of their names, with settings such as "drop-small.min-area=64".

    Raises:
        UsageError: an unknown step or parameter, a value out of range, or a setting for a step
            that is not among the names; the message lists what there is.
    """
    modules = {_spell(name): registry.load(PACKAGE, name, kind="step") for name in names}
    values: dict[str, dict[str, str]] = {name: {} for name in modules}
    for setting in settings:
        step, parameter, value = split_setting(setting)
        if step not in modules:
            registry.load(PACKAGE, step, kind="step")
            raise UsageError(
                f"{setting!r} sets a parameter of {step}, which is not among the steps",
                remedy=f"add {step} to --steps",
            )
        field = _known_field(modules[step].Params, step, parameter)
        values[step][field] = value
    return [
        Step(name, _validated(modules[name].Params, name, values[name]), modules[name].apply)
        for name in map(_spell, names)
    ]


def split_setting(setting: str) -> tuple[str, str, str]:
    """Take "drop-small.min-area=64" apart: step, parameter, value.

    Raises:
        UsageError: of another form.
    """
    item = read_assignment(setting, example="drop-small.min-area=64")
    if len(item.path) != 2:
        raise UsageError(
            f"cannot read --set {setting!r}",
            remedy="write STEP.PARAMETER=VALUE, such as drop-small.min-area=64",
        )
    return _spell(item.path[0]), _spell(item.path[1]), item.written


def describe_steps() -> list[tuple[str, str, list[tuple[str, str, str]]]]:
    """(step, what it does, [(parameter, default, meaning)]) for every step."""
    described = []
    for name in step_names():
        module = registry.load(PACKAGE, name, kind="step")
        fields = [
            (_spell(field), str(info.default), info.description or "")
            for field, info in module.Params.model_fields.items()
        ]
        described.append((name, (module.__doc__ or "").split("\n\n")[0].strip(), fields))
    return described


def _spell(name: str) -> str:
    return name.strip().replace("_", "-")


def _known_field(params: type[BaseModel], step: str, parameter: str) -> str:
    known = {_spell(field): field for field in params.model_fields}
    if parameter in known:
        return known[parameter]
    hint = did_you_mean(parameter, known)
    raise UsageError(
        f"step {step} has no parameter {parameter!r}",
        remedy=f"{hint}known: {', '.join(known) or 'none'}",
    )


def _validated(params: type[BaseModel], step: str, values: dict[str, str]) -> BaseModel:
    try:
        return params(**values)
    except ValidationError as error:
        problems = "; ".join(
            f"{step}.{_spell(str(item['loc'][0]))}={item['input']}: {item['msg']}"
            for item in error.errors()
        )
        raise UsageError(
            f"a parameter has a wrong value: {problems}", remedy="choose another value"
        ) from None
