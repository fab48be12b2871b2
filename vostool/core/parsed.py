"""Values that remember how a user wrote them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

Item = TypeVar("Item")


class Parsed(tuple[Item, ...]):
    """A tuple with the text (or the texts) that it was parsed from, which is how it is dumped."""

    written: Any

    def __new__(cls, items: Iterable[Item], written: Any) -> Parsed[Item]:
        """`items`, remembered as `written`."""
        made = super().__new__(cls, items)
        made.written = written
        return made

    def __reduce__(self) -> tuple[type[Parsed[Item]], tuple[tuple[Item, ...], Any]]:
        return type(self), (tuple(self), self.written)
