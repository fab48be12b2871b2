"""A map over threads that keeps order and bounds what is in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from vostool.core.cores import available_cores

Item = TypeVar("Item")
Result = TypeVar("Result")
MOST_THREADS = 8


def ordered_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    threads: int | None = None,
    ahead: int | None = None,
    name: str = "map",
) -> Iterator[Result]:
    """Yield `function(item)` in the order of `items`, computed a few items ahead in threads.

    Decoding and compressing release the interpreter lock, so threads suffice. An error is raised
    where its item comes. Whoever stops early, or is interrupted, waits for what has been begun; the
    rest is not begun. Nothing is begun before the first result is asked for.

    Args:
        threads: how many; default one per core, at most `MOST_THREADS`.
        ahead: results that may wait for their turn, at least 1; default two per thread.
        name: of the threads.
    """
    threads = threads or min(MOST_THREADS, available_cores())
    ahead = ahead or 2 * threads
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix=name) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
