"""Ctrl-C and SIGTERM as a wish that the loop grants between two steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class StopRequest:
    """Whether somebody asked the loop to stop."""

    asked = False


@contextmanager
def listen() -> Iterator[StopRequest]:
    """Note the first Ctrl-C or SIGTERM instead of dying; a second Ctrl-C interrupts at once."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def note(number: int, frame: object) -> None:
        if request.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        request.asked = True

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
