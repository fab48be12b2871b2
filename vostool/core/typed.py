"""What was read, as objects of the kind that was expected, or a sentence on every mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from vostool.core.errors import DataError, VostoolError
from vostool.core.reading import CHECK_FILE
from vostool.core.toml import explain_mistakes

Model = TypeVar("Model", bound=BaseModel)


def parse_as(
    kind: type[Model],
    value: Any,
    where: str | Path,
    *,
    remedy: str = CHECK_FILE,
    error: type[VostoolError] = DataError,
) -> Model:
    """A value that was read, as an object of a pydantic class.

    Raises:
        error: it is no table, or its values are not of that kind; everything wrong is named.
    """
    require_table(value, where, remedy=remedy, error=error)
    try:
        return kind.model_validate(value)
    except ValidationError as fault:
        clauses = explain_mistakes(fault, kind)
        raise error("; ".join(clauses), where=where, remedy=remedy) from None


def require_table(
    value: Any,
    where: str | Path,
    *,
    remedy: str = CHECK_FILE,
    error: type[VostoolError] = DataError,
) -> dict[str, Any]:
    """A value that was read, if it has named entries.

    Raises:
        error: it is a list, a text or a number.
    """
    if isinstance(value, dict):
        return value
    names = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    found = names.get(type(value), "a number")
    raise error(f"a table of named values was expected, not {found}", where=where, remedy=remedy)
