"""Lists in sentences."""

from __future__ import annotations

from collections.abc import Sequence


def some(names: Sequence[str], shown: int = 5, between: str = ", ") -> str:
    """The first names of a list, and how many more there are: "a, b and 3 more"."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return between.join(names[:shown]) + more
