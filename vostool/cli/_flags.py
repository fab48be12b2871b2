"""Flags made of the fields of typed options, so that each is described once."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from vostool.cli import _completion
from vostool.core.errors import UsageError
from vostool.core.options import Flag, Options

JOINED = "__"
"""Between the names of a path, in the name of a parameter."""


def with_flags(
    *groups: type[Options],
    switches: Mapping[str, str] | None = None,
    only: Collection[str] | None = None,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command whose `**flags` become options of the command line.

    It gets the value of each by the field's name, None for those that the user did not write;
    `given_flags` makes a table of them.

    Args:
        groups: options; their fields that have a `Flag` become flags.
        switches: what can be switched on and off, by name, with its help.
        only: names of the fields; all by default.
    """
    made = {name: _switch(text) for name, text in (switches or {}).items()}
    for path, field, flag in _flagged(groups):
        if only is None or path[0] in only:
            made[JOINED.join(path)] = _flag(path[-1], field, flag)

    def decorate(run: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(run, eval_str=True)
        kept = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        parameters = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
            for name, kind in made.items()
        ]
        kept = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in kept]
        new = signature.replace(parameters=[*kept, *parameters])
        run.__signature__ = new  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in new.parameters.values()}
        return run

    return decorate


def _switch(text: str) -> Any:
    return Annotated[bool | None, typer.Option(help=text, show_default=False)]


def _flag(name: str, field: FieldInfo, flag: Flag) -> Any:
    spelled = flag.name or "--" + name.replace("_", "-")
    text = _help(field)
    if field.annotation is bool:
        both = f"{spelled}/--no-{spelled.removeprefix('--')}"
        return Annotated[bool | None, typer.Option(both, help=text, show_default=False)]
    many = flag.many or get_origin(field.annotation) is dict
    kind = list[str] if many else str
    metavar = "NAME=VALUE" if get_origin(field.annotation) is dict else None
    option = typer.Option(
        spelled,
        help=text,
        show_default=False,
        metavar=metavar,
        autocompletion=_completion.BY_FLAG.get(name),
    )
    return Annotated[kind | None, option]


def _help(field: FieldInfo) -> str:
    """The description as a sentence, with what may be written and the default."""
    text = field.description or ""
    annotation = field.annotation
    choices: list[str] = []
    if get_origin(annotation) is Literal:
        choices = [str(value) for value in get_args(annotation)]
    elif isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        choices = [str(item.value) for item in annotation]
    if choices:
        text += f"; one of {', '.join(choices)}"
    default = field.default
    if isinstance(default, enum.Enum):
        default = default.value
    if isinstance(default, (list, tuple)):
        default = " ".join(map(str, default))
    if isinstance(default, (str, int, float)) and not isinstance(default, bool):
        text += f"; default {default}"
    return f"{text[:1].upper()}{text[1:]}."


def given_flags(
    flags: Mapping[str, Any], *groups: type[Options], switches: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What the user wrote of `with_flags`, as a table of values.

    A switch becomes an empty group, or None where it was switched off.

    Raises:
        UsageError: a text that is not NAME=VALUE where a flag wants that.
    """
    fields = {JOINED.join(path): (path, field) for path, field, _ in _flagged(groups)}
    table: dict[str, Any] = {}
    for name, value in flags.items():
        if value is None:
            continue
        if name in (switches or {}):
            table[name] = {} if value else None
            continue
        path, field = fields[name]
        chosen = _by_name(name, value) if get_origin(field.annotation) is dict else value
        group = table
        for step in path[:-1]:
            group = group.setdefault(step, {})
        group[path[-1]] = chosen
    return table


def _flagged(
    groups: Iterable[type[Options]], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], FieldInfo, Flag]]:
    """Path, field and flag of every field that has one, groups inside groups included."""
    for group in groups:
        for name, field in group.model_fields.items():
            kind = field.annotation
            for flag in field.metadata:
                if isinstance(flag, Flag):
                    yield (*above, name), field, flag
            if isinstance(kind, type) and issubclass(kind, Options):
                yield from _flagged([kind], (*above, name))


def _by_name(name: str, texts: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator or not key or not value:
            raise UsageError(f"cannot read {text!r} of {name}", remedy="write NAME=VALUE")
        found.setdefault(key, []).append(value)
    return found
