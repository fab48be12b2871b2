"""Clips that a thread makes ahead of the network that learns from them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from vostool.core.types import Clip


class MadeAhead(Iterator[Clip]):
    """Clips that a thread makes while the network computes; use as a context manager.

    Attributes:
        waited: seconds that `next` had to wait, all together.
    """

    def __init__(self, make: Callable[[int], Clip], numbers: Iterable[int], ahead: int = 4):
        self._make, self._numbers = make, iter(numbers)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="synthesis")
        self._made: deque[Future[Clip]] = deque()
        self.waited = 0.0
        for _ in range(ahead):
            self._ask()

    def _ask(self) -> None:
        for number in self._numbers:
            self._made.append(self._pool.submit(self._make, number))
            return

    def __next__(self) -> Clip:
        if not self._made:
            raise StopIteration
        start = time.perf_counter()
        clip = self._made.popleft().result()
        self.waited += time.perf_counter() - start
        self._ask()
        return clip

    def __enter__(self) -> MadeAhead:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
