"""Clips that a thread makes ahead of the network that learns from them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from vostool.core.threads import MadeInOrder
from vostool.core.types import Clip


class MadeAhead(Iterator[Clip]):
    """Clips that a thread makes while the network computes; use as a context manager.

    Attributes:
        waited: seconds that `next` had to wait, all together.
    """

    def __init__(self, make: Callable[[int], Clip], numbers: Iterable[int], ahead: int = 4):
        self._made = MadeInOrder(make, numbers, threads=1, ahead=ahead, name="synthesis")
        self.waited = 0.0

    def __next__(self) -> Clip:
        start = time.perf_counter()
        clip = next(self._made)
        self.waited += time.perf_counter() - start
        return clip

    def __enter__(self) -> MadeAhead:
        return self

    def __exit__(self, *_: object) -> None:
        self._made.__exit__()
