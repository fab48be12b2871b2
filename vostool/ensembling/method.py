"""Merging members frame by frame: what a method is told, what it answers, finding one by name.

A *member* is one run: a network with a memory strategy, or a prediction folder. Where it sees a
frame in several views, its planes are their mean. Axes: K objects, H x W pixels.

A module of `ensembling/methods/` (or of another package, by an entry point of `ENTRY_POINT_GROUP`)
has `NEEDS`, `Params` (its options, whose fields have descriptions) and
`prepare(params, members) -> Callable[[], Accumulator]`, which raises UsageError where the members
are not such that the method can merge them.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

import torch
from pydantic import ValidationError

from vostool.core import registry
from vostool.core.errors import UsageError
from vostool.core.options import Options
from vostool.core.suggest import did_you_mean
from vostool.core.toml import explain_mistakes
from vostool.ensembling.options import ENTRY_POINT_GROUP, PACKAGE, method_names

KIND = "merging method"


class Needs(enum.Enum):
    """What members must have."""

    PROBABILITIES = "probabilities"
    MASKS = "masks"
    """Probabilities are welcome; without them planes are one-hot."""


@dataclass(frozen=True)
class Members:
    """Who is merged.

    Attributes:
        names: of the members, in the order in which they are numbered.
        probabilities: whether planes are probabilities, and not only one-hot masks.
        marks: what each is made of, wherever it lies: equal for the run of a network with a memory
            strategy and for the folder that such a run alone wrote. By default the names.
    """

    names: tuple[str, ...]
    probabilities: bool = True
    marks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.marks:
            object.__setattr__(self, "marks", self.names)

    def __len__(self) -> int:
        return len(self.names)


class Accumulator(Protocol):
    """Merges one frame."""

    def add(self, planes: torch.Tensor, member: int) -> None:
        """Take in a member; called once for each, in the order of their numbers.

        Args:
            planes: float32 `[K+1, H, W]`, background first, sum 1 (up to quantisation); the largest
                is the label. It is not modified.
            member: its number.
        """

    def result(self) -> torch.Tensor:
        """Merged planes float32 `[K+1, H, W]`, background first, sum 1; the largest is the label,
        and the first of several that are equal."""


@dataclass(frozen=True)
class MergingMethod:
    """A method with its options.

    Attributes:
        name: in the registry.
        needs: what members must have.
        params: its options.
    """

    name: str
    needs: Needs
    params: Options
    _prepare: Callable[[Any, Members], Callable[[], Accumulator]]

    def prepare(self, members: Members) -> Callable[[], Accumulator]:
        """What starts an accumulator for each frame.

        Raises:
            UsageError: these members cannot be merged in this way.
        """
        if not members:
            raise UsageError("nothing to merge", remedy="give at least one member")
        if self.needs is Needs.PROBABILITIES and not members.probabilities:
            raise UsageError(
                f"{self.name} merges probabilities, and there are only masks",
                remedy="run vostool infer with --save-probabilities, or use --method vote",
            )
        return self._prepare(self.params, members)


def choose_method(name: str, options: Mapping[str, Any] | None = None) -> MergingMethod:
    """A method by name, with options as values or as text.

    Raises:
        UsageError: unknown name or option, or a value that makes no sense.
    """
    module = _module(name)
    options = options or {}
    for option in options:
        _check_option(name, module.Params, option)
    try:
        params = module.Params(**options)
    except ValidationError as error:
        raise UsageError(
            f"{KIND} {name}: {'; '.join(explain_mistakes(error, module.Params))}",
            remedy="vostool ensemble --list shows methods and their options",
        ) from None
    return MergingMethod(name, module.NEEDS, params, module.prepare)


def describe_methods() -> list[tuple[str, str, list[tuple[str, str]]]]:
    """(method, what it does, [(option, meaning)]) for every method."""
    described = []
    for name in method_names():
        module = _module(name)
        about = " ".join((module.__doc__ or "").split("\n\n")[0].split())
        fields = module.Params.model_fields.items()
        options = [(option, field.description or "") for option, field in fields]
        described.append((name, about, options))
    return described


def _module(name: str) -> ModuleType:
    module = registry.load(PACKAGE, name, kind=KIND, entry_point_group=ENTRY_POINT_GROUP)
    lacking = [part for part in ("NEEDS", "Params", "prepare") if not hasattr(module, part)]
    if lacking:
        raise UsageError(
            f"{name} is no {KIND}: it has no {', '.join(lacking)}",
            remedy="vostool/ensembling/method.py says what one has",
        )
    return module


def _check_option(method: str, params: type[Options], option: str) -> None:
    if option in params.model_fields:
        return
    takers = [name for name, _, fields in describe_methods() if option in dict(fields)]
    known = ", ".join(params.model_fields) or "it has none"
    elsewhere = f"; {' and '.join(takers)} take it" if takers else ""
    raise UsageError(
        f"method {method} has no option {option!r}",
        remedy=f"{did_you_mean(option, params.model_fields)}its options: {known}{elsewhere}",
    )
