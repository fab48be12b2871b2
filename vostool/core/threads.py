"""Work of threads in the order in which it was asked for, with few results in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from vostool.core.cores import available_cores

Item = TypeVar("Item")
Result = TypeVar("Result")
MOST_THREADS = 8


class MadeInOrder(Iterator[Result], Generic[Item, Result]):
    """Results of `function(item)` in the order of `items`; use as a context manager.

    The first ones are begun at once, and always a few ahead of what is taken. An error is raised
    where its item comes. Leaving waits for what has been begun; the rest is not begun.

    Args:
        threads: how many; default one per core, at most `MOST_THREADS`.
        ahead: results that are made before they are asked for, at least 1; default two per thread.
        name: of the threads.
    """

    def __init__(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        threads: int | None = None,
        ahead: int | None = None,
        name: str = "map",
    ):
        threads = threads or min(MOST_THREADS, available_cores())
        self._function, self._items = function, iter(items)
        self._waiting: deque[Future[Result]] = deque()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        for _ in range(ahead or 2 * threads):
            self._begin()

    def _begin(self) -> None:
        for item in self._items:
            self._waiting.append(self._pool.submit(self._function, item))
            return

    def __next__(self) -> Result:
        if not self._waiting:
            raise StopIteration
        due = self._waiting.popleft()
        self._begin()
        return due.result()

    def __enter__(self) -> MadeInOrder[Item, Result]:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


def ordered_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    threads: int | None = None,
    ahead: int | None = None,
    name: str = "map",
) -> Iterator[Result]:
    """Yield what `MadeInOrder` makes; nothing is begun before the first result is asked for.

    Decoding and compressing release the interpreter lock, so threads suffice.
    """
    with MadeInOrder(function, items, threads=threads, ahead=ahead, name=name) as made:
        yield from made
