"""Wrappers of runs: what one is, finding them, and in which order they nest.

A module of `inference/wrappers/`, or one that another package offers under the entry point group
`vostool.wrappers`, has

- a docstring, whose first line is its help;
- `Options`, a class of `core.options.Options`;
- `wrap(run, options, context) -> Run`, which gives a run that makes use of the one it takes;
- where it reads model files, `reads(options)`, the names under which they are given, and
  `require(options, files)`, which raises a VostoolError if they are of no use;
- where it must not lie inside another wrapper, `NOT_INSIDE`: by that one's name, the reason.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterable, Sequence
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from vostool.core import registry

if TYPE_CHECKING:  # the command line lists wrappers without torch
    from vostool.inference.options import InferenceOptions
    from vostool.inference.run import Context, Files, Run

PACKAGE = "vostool.inference.wrappers"
ENTRY_POINT_GROUP = "vostool.wrappers"


def names() -> list[str]:
    """Names of all wrappers, sorted."""
    return registry.names(PACKAGE, ENTRY_POINT_GROUP)


def field(name: str) -> str:
    """A wrapper's name as it is written in recipes."""
    return name.replace("-", "_")


def load(name: str) -> Any:
    """The wrapper's module. Raises UsageError if there is none."""
    return registry.load(PACKAGE, name, kind="wrapper", entry_point_group=ENTRY_POINT_GROUP)


def summary(name: str) -> str:
    """First line of a wrapper's docstring, read without importing it."""
    points = [item for item in entry_points(group=ENTRY_POINT_GROUP) if item.name == name]
    module = points[0].module if points else f"{PACKAGE}.{field(name)}"
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        return ""
    with open(found.origin, encoding="utf-8") as file:
        text = ast.get_docstring(ast.parse(file.read())) or ""
    return text.partition("\n")[0]


def nested(wanted: Iterable[str], nesting: Sequence[str] = ()) -> tuple[str, ...]:
    """Wrappers in their order, the outermost first.

    Args:
        wanted: all that are on.
        nesting: the order asked for, which may name others, too; by default alphabetical, as far
            as they allow it.

    Raises:
        ValueError: the order names others, or one of them must not lie inside another.
    """
    wanted = sorted(map(field, wanted))
    stated = tuple(map(field, nesting))
    unknown = sorted(set(stated) - set(map(field, names())))
    if unknown:
        raise ValueError(f"nesting names {unknown[0]}, which is no wrapper")
    order = tuple(name for name in stated if name in wanted) if stated else _usual(wanted)
    if sorted(order) != wanted:
        on = ", ".join(wanted) or "none"
        raise ValueError(f"nesting must name each wrapper that is on once, which are: {on}")
    for place, name in enumerate(order):
        for outer in order[:place]:
            reason = _refusal(name, outer)
            if reason:
                raise ValueError(f"{name} cannot lie inside {outer}: {reason}")
    return order


def _usual(wanted: Sequence[str]) -> tuple[str, ...]:
    """Each time the first one that may lie outside of all that are left."""
    left, order = list(wanted), []
    while left:
        free = [
            name
            for name in left
            if not any(_refusal(other, name) for other in left if other != name)
        ]
        order.append((free or left)[0])
        left.remove(order[-1])
    return tuple(order)


def _refusal(inner: str, outer: str) -> str | None:
    reasons = getattr(load(inner), "NOT_INSIDE", {})
    return {field(name): reason for name, reason in reasons.items()}.get(outer)


def reads(options: InferenceOptions) -> set[str]:
    """Names of what reads model files, such as a tracker, in the wrappers that are on."""
    found: set[str] = set()
    for name, group in options.wrappers.items():
        module = load(name)
        found |= set(module.reads(group)) if hasattr(module, "reads") else set()
    return found


def require_files(options: InferenceOptions, files: Files) -> None:
    """Find out before anything is run whether wrappers have the model files that they need.

    Raises:
        UsageError, DataError: files are missing, or are not what they should be.
    """
    for name, group in options.wrappers.items():
        module = load(name)
        if hasattr(module, "require"):
            module.require(group, files)


def wrap_all(run: Run, options: InferenceOptions, context: Context) -> Run:
    """A run in all wrappers that are on.

    Raises:
        VostoolError: a wrapper cannot be used with these networks or files.
    """
    for name, group in reversed(options.wrappers.items()):
        run = load(name).wrap(run, group, context)
    return run
