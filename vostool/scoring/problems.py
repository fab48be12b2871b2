"""Everything that is wrong with a set of predictions, gathered and said in one error."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from vostool.core.errors import DataError
from vostool.core.listing import some


@dataclass
class Problems:
    """Places by kind of problem, in the order in which they were found."""

    places: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, place: str) -> None:
        """Note a problem; `kind` reads as in '3 missing frames'."""
        self.places.setdefault(kind, []).append(place)

    def extend(self, found: Iterable[tuple[str, str]]) -> None:
        """Note several, given as (kind, place)."""
        for kind, place in found:
            self.add(kind, place)

    def take(self, kinds: Iterable[str]) -> list[str]:
        """Remove these kinds and describe them."""
        taken = [(kind, self.places.pop(kind)) for kind in kinds if kind in self.places]
        return [_describe(kind, places) for kind, places in taken]

    def raise_if_any(self, where: Path, what: str, remedy: str) -> None:
        """Raise one DataError that lists all problems.

        Raises:
            DataError: there are some.
        """
        if self.places:
            listing = "; ".join(_describe(kind, places) for kind, places in self.places.items())
            raise DataError(f"{what}: {listing}", where=where, remedy=remedy)


def _describe(kind: str, places: list[str]) -> str:
    return f"{len(places)} {kind} ({some(places)})"
