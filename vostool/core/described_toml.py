"""Options as TOML with what each of them means, made of the fields' descriptions."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterator, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from vostool.core.toml import toml_text

WIDTH = 100

Path = tuple[str, ...]


def described_toml(
    values: BaseModel,
    kinds: Mapping[Path, type[BaseModel]] | None = None,
    leave_out: Collection[str] = (),
) -> str:
    """All values as TOML, each with its description above it.

    What has no value is left out, but for the comment; groups that are not there, too, are
    commented out, with their defaults.

    Args:
        kinds: by path, the class of groups that are not typed in their parent's class.
        leave_out: names at the top.
    """
    table = {k: v for k, v in values.model_dump(mode="json").items() if k not in leave_out}
    return "\n".join(_lines(table, type(values), (), kinds or {})).strip() + "\n"


def _lines(
    table: Mapping[str, Any], kind: Any, path: Path, kinds: Mapping[Path, Any]
) -> Iterator[str]:
    """Values first, then groups, as TOML wants it."""
    kind = kinds.get(path, kind)
    groups = []
    for name, value in table.items():
        inner, absent = _kind_of(kind, name), value is None
        if isinstance(value, Mapping) or (absent and _is_group(inner)):
            groups.append((name, value, inner))
            continue
        yield from _comment(_description(kind, name))
        yield from _assignment(name, value)
    for name, value, inner in groups:
        place = (*path, name)
        inner = kinds.get(place, inner)
        made = inner() if value is None and inner is not None else None
        shown = value if made is None else made.model_dump(mode="json")
        meaning = _description(kind, name) or _about(inner)
        part = ["", *_comment(meaning), *_header(place, shown)]
        part += _lines(shown, inner, place, kinds)
        yield from part if made is None else map(_commented_out, part)


def _assignment(name: str, value: Any) -> list[str]:
    """Lines of `name = value`, one where that is short enough; TOML has no null."""
    lines = toml_text({name: value}).splitlines()
    if len(lines) < 2:
        return lines or [f"# {name} has no value"]
    short = f"{lines[0]}{' '.join(line.strip() for line in lines[1:-1]).removesuffix(',')}]"
    return [short] if len(short) <= WIDTH else lines


def _header(place: Path, table: Mapping[str, Any]) -> list[str]:
    """The group's name, unless it holds nothing but groups."""
    if table and all(isinstance(value, Mapping) for value in table.values()):
        return []
    nested: dict[str, Any] = {}
    for step in reversed(place):
        nested = {step: nested}
    return [toml_text(nested).strip().splitlines()[-1]]


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, WIDTH - 2)]


def _commented_out(line: str) -> str:
    return line if not line or line.startswith("#") else f"# {line}"


def _description(kind: Any, name: str) -> str:
    """Of a field; of the class that it is inherited from where its own says nothing."""
    for owner in kind.__mro__ if _is_group(kind) else ():
        field = owner.model_fields.get(name) if _is_group(owner) else None
        if field is not None and field.description:
            return field.description
    return ""


def _about(kind: Any) -> str:
    """First line of a group's own docstring."""
    return (kind.__doc__ or "").partition("\n")[0] if _is_group(kind) else ""


def _kind_of(kind: Any, name: str) -> Any:
    """What a value inside a group may be: its class, or `dict` of one for tables by names."""
    if get_origin(kind) is dict:
        return get_args(kind)[1]
    field = kind.model_fields.get(name) if _is_group(kind) else None
    return None if field is None else _group(field.annotation)


def _group(annotation: Any) -> Any:
    """The options' class in `X`, `X | None`; `dict[str, X]` as it is; None for other values."""
    if _is_group(annotation) or get_origin(annotation) is dict:
        return annotation
    return next((kind for kind in map(_group, get_args(annotation)) if kind is not None), None)


def _is_group(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
