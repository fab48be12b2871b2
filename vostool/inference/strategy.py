"""Memory strategies: what one sees of an object in a frame, what it answers, finding one by name.

A module of `inference/memory/` has `parse(arguments: tuple[str, ...]) -> Strategy`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from vostool.core import registry
from vostool.core.errors import UsageError

if TYPE_CHECKING:  # the command line reads options without torch
    from vostool.core.types import Fate

PACKAGE = "vostool.inference.memory"


@dataclass(frozen=True)
class Sighting:
    """One object in one predicted frame.

    Attributes:
        frame: index of the frame; 0 is the first frame in which any object's mask is given.
        since_start: frames since the object's own mask was given, at least 1.
        since_memory: frames since the object last entered permanent memory, at least 1.
        area: pixels of the frame that carry its label (not of the resized network input).
        confidence: its mean probability over those pixels, 0 where there are none.
    """

    frame: int
    since_start: int
    since_memory: int
    area: float = 0.0
    confidence: float = 0.0


class Strategy(Protocol):
    """Decides, object by object, which predicted frames stay in memory.

    Frames with given masks are not asked about: they always stay.
    """

    @property
    def needs_mask(self) -> bool:
        """Whether `area` and `confidence` must be filled in."""

    @property
    def max_memory(self) -> int | None:
        """Permanent frames per object where the user sets no limit; None is no limit."""

    def decide(self, sighting: Sighting) -> Fate:
        """What becomes of this frame in this object's memory: KEEP, REPLACE or SKIP."""


def whole_numbers(name: str, arguments: tuple[str, ...], usage: str, count: int) -> list[int]:
    """Parse exactly `count` whole numbers of at least one, or raise UsageError with `usage`."""
    values = [int(text) if text.isdecimal() else 0 for text in arguments]
    if len(values) != count or min(values, default=1) < 1:
        given = ":".join([name, ",".join(arguments)]).rstrip(":")
        raise UsageError(f"cannot understand the memory strategy {given!r}", remedy=usage)
    return values


def parse_strategy(text: str) -> Strategy:
    """Build the strategy that `NAME` or `NAME:A,B` stands for.

    Raises:
        UsageError: unknown name, or arguments that make no sense.
    """
    name, colon, rest = text.strip().partition(":")
    module = registry.load(PACKAGE, name, kind="memory strategy")
    arguments = tuple(part.strip() for part in rest.split(",")) if colon else ()
    return module.parse(arguments)


def strategy_text(strategy: Strategy) -> str:
    """A strategy as `parse_strategy` reads it, all arguments stated; its `repr` if it is no
    dataclass whose fields are the arguments."""
    if not dataclasses.is_dataclass(strategy):
        return repr(strategy)
    name = type(strategy).__module__.rpartition(".")[2].replace("_", "-")
    values = [getattr(strategy, field.name) for field in dataclasses.fields(strategy)]
    return ":".join([name, *([",".join(map(str, values))] if values else [])])


def parse_strategies(texts: Sequence[str]) -> tuple[Strategy, ...]:
    """Build several. Raises UsageError as `parse_strategy`, for none, and for two equal ones."""
    strategies = tuple(parse_strategy(text) for text in texts)
    if not strategies:
        raise UsageError("no memory strategy", remedy="pass --memory every:5, for example")
    if len(set(strategies)) < len(strategies):
        raise UsageError(
            f"a memory strategy is given twice: {' '.join(texts)}",
            remedy="it would only count double; drop one",
        )
    return strategies
