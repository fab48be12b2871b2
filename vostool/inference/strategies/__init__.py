"""Memory strategies: one module each, available as `--memory NAME[:ARGUMENTS]`.

A module has `parse(arguments: tuple[str, ...]) -> Strategy`.
"""

from __future__ import annotations

from collections.abc import Sequence

from vostool.core import registry
from vostool.core.errors import UsageError
from vostool.inference.strategies._base import Sighting, Strategy

__all__ = ["Sighting", "Strategy", "parse_strategies", "parse_strategy"]


def parse_strategy(text: str) -> Strategy:
    """Build the strategy that `NAME` or `NAME:A,B` stands for.

    Raises:
        UsageError: unknown name, or arguments that make no sense.
    """
    name, colon, rest = text.strip().partition(":")
    module = registry.load(__name__, name, kind="memory strategy")
    arguments = tuple(part.strip() for part in rest.split(",")) if colon else ()
    return module.parse(arguments)


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
