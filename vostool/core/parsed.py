"""Values that remember how a user wrote them, and values that are numbers or words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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


def whole_number_or(words: Mapping[str, Any]) -> Callable[[Any], Any]:
    """A validator of whole numbers of at least 1, for which words may stand.

    Args:
        words: the value of each; the values themselves are taken, too.
    """

    def read(value: Any) -> Any:
        if isinstance(value, str) and value in words:
            return words[value]
        if any(value is known for known in words.values()):
            return value
        try:
            number = int(value)
        except (TypeError, ValueError):
            number = 0
        if number < 1 or isinstance(value, bool) or str(number) != str(value).strip():
            named = " or ".join(words)
            raise ValueError(f"{value!r} is neither a whole number of at least 1 nor {named}")
        return number

    return read


def written_with(words: Mapping[str, Any]) -> Callable[[Any], Any]:
    """A serializer for `whole_number_or`: each value by the first word that stands for it."""

    def write(value: Any) -> Any:
        return next((word for word, known in words.items() if value is known), value)

    return write
