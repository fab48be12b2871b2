"""A map over threads that keeps order and bounds what is in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from vostool.core.cores import available_cores

Item = TypeVar("Item")
Result = TypeVar("Result")
MOST_WORKERS = 8


def ordered_map(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield `function(item)` in the order of `items`, computed a few items ahead in threads.

    Decoding and compressing release the interpreter lock, so threads suffice.
    """
    workers = min(MOST_WORKERS, available_cores())
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
