"""Typed options: their base, and values for them as `a.b=value`.

A field's description is its documentation: `--help` and the printed recipes are made from it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from vostool.core.errors import UsageError


class Options(BaseModel):
    """Base of all option groups: unknown keys are errors and values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Flag:
    """Marks a field that also is a flag of the command line, a shorthand for `--set`.

    Attributes:
        name: of the flag; by default the field's, with hyphens.
        many: whether it may be repeated.
    """

    name: str = ""
    many: bool = False


@dataclass(frozen=True)
class Assignment:
    """One `a.b=value`.

    Attributes:
        path: names of the groups from the outermost one, and of the value.
        written: the value, as it was written.
        text: all of it, with the option, for messages.
    """

    path: tuple[str, ...]
    written: str
    text: str

    @property
    def value(self) -> Any:
        """As TOML has it; a plain string where it is not TOML."""
        try:
            return tomllib.loads(f"value = {self.written}")["value"]
        except (ValueError, RecursionError):
            return self.written

    @property
    def name(self) -> str:
        """The path with dots."""
        return ".".join(self.path)


def read_assignment(
    text: str, option: str = "--set", example: str = "optimiser.name=sgd"
) -> Assignment:
    """Take `a.b=value` apart.

    Raises:
        UsageError: of another form.
    """
    name, _, value = text.partition("=")
    path, value = tuple(step.strip() for step in name.split(".")), value.strip()
    if not value or not all(path):
        raise UsageError(f"cannot read {option} {text!r}", remedy=f"write {option} {example}")
    return Assignment(path, value, f"{option} {text}")


def assign(table: dict[str, Any], assignments: Iterable[Assignment]) -> None:
    """Put values into a table of tables, in place; later ones win.

    Raises:
        UsageError: a path leads through something that is no group.
    """
    for item in assignments:
        group = table
        for step in item.path[:-1]:
            group = group.setdefault(step, {})
            if not isinstance(group, dict):
                raise UsageError(f"{item.text}: {step} is a value, not a group of values")
        group[item.path[-1]] = item.value


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Tables one on top of the other, key by key at all depths; anything else is replaced."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = merged(old, value)
        result[key] = value
    return result
