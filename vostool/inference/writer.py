"""Writing behind: results go to disk in a thread while the next frame is computed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class WriteBehind:
    """Runs jobs in order in one thread; use as a context manager.

    At most `ahead` jobs wait, so that memory stays bounded. The first error of a job is raised by a
    later `submit`, by `flush` or on leaving, and no further job runs after it. Leaving waits for
    what was submitted, also after an interruption, so that no file is missing in between.
    """

    def __init__(self, ahead: int = 8):
        self._ahead = ahead
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._waiting: deque[Future[None]] = deque()
        self._failed = False

    def __enter__(self) -> WriteBehind:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            self._pool.shutdown(wait=True)

    def submit(self, job: Callable[..., Any], *arguments: Any) -> None:
        """Have `job(*arguments)` done after all earlier ones."""
        self._waiting.append(self._pool.submit(self._run, job, *arguments))
        while self._waiting and (len(self._waiting) > self._ahead or self._waiting[0].done()):
            self._waiting.popleft().result()

    def flush(self) -> None:
        """Wait until everything is done."""
        while self._waiting:
            self._waiting.popleft().result()

    def _run(self, job: Callable[..., Any], *arguments: Any) -> None:
        if self._failed:
            return
        try:
            job(*arguments)
        except BaseException:
            self._failed = True
            raise
