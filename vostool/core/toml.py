"""TOML files: reading and writing them, and saying what is wrong with their values."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import tomli_w
from pydantic import BaseModel, ValidationError

from vostool.core.errors import DataError
from vostool.core.reading import read_text, require_bounded, too_deep
from vostool.core.suggest import did_you_mean


def read_toml(path: Path) -> dict[str, Any]:
    """The table of a file.

    Raises:
        DataError: no readable text, not TOML, or values beyond the bounds of `core.reading`.
    """
    text = read_text(path)
    try:
        table = tomllib.loads(text)
    except RecursionError:
        raise too_deep(path, "correct it", DataError) from None
    except ValueError as error:
        raise DataError(f"not a TOML file: {error}", where=path, remedy="correct it") from None
    require_bounded(table, path, "correct it", DataError)
    return table


def toml_text(table: Mapping[str, Any]) -> str:
    """A table of values as JSON has them, as TOML, which has no null: such values are left out."""
    return tomli_w.dumps(_without_null(table))


def _without_null(value: Any) -> Any:
    """The same without null values, and without lists that hold one."""
    if isinstance(value, Mapping):
        return {key: _without_null(item) for key, item in value.items() if not _has_null(item)}
    return [_without_null(item) for item in value] if isinstance(value, list | tuple) else value


def _has_null(value: Any) -> bool:
    return value is None or (isinstance(value, list | tuple) and any(map(_has_null, value)))


def explain_mistakes(error: ValidationError, kind: type[BaseModel], prefix: str = "") -> list[str]:
    """One clause per mistake, in the order of the file.

    Args:
        kind: what the table was to be, whose keys are suggested for unknown ones.
        prefix: where the table is, such as "model.".
    """
    clauses = []
    for item in error.errors():
        place = prefix + ".".join(str(step) for step in item["loc"])
        if item["type"] == "extra_forbidden":
            hint = did_you_mean(str(item["loc"][-1]), _keys_at(kind, item["loc"][:-1])).strip()
            clauses.append(f"unknown key {place} ({hint})" if hint else f"unknown key {place}")
        elif item["type"] == "missing":
            clauses.append(f"{place} is missing")
        else:
            message = item["msg"].removeprefix("Value error, ")
            message = message[:1].lower() + message[1:]
            clauses.append(f"{place}: {message}" if place else message)
    return clauses


def _keys_at(kind: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """Known keys of the group at a place, for suggestions."""
    current: Any = kind
    for step in place:
        if isinstance(step, int):
            continue
        if isinstance(current, type) and issubclass(current, BaseModel):
            field = current.model_fields.get(str(step))
            current = _group(field.annotation) if field else None
    if isinstance(current, type) and issubclass(current, BaseModel):
        return list(current.model_fields)
    return []


def _group(annotation: Any) -> Any:
    """The model class in an annotation such as `X | None` or `dict[str, X]`, if any."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = [_group(part) for part in get_args(annotation)]
    return next((group for group in found if group is not None), None)
