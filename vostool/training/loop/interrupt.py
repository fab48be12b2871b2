"""Ctrl-C, SIGTERM and SIGHUP as a wish that the loop grants between two steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from vostool.core.interrupts import Interrupted, ending_signals


class StopRequest:
    """Whether somebody asked the loop to stop, and by which signal first."""

    signal: int | None = None

    @property
    def asked(self) -> bool:
        """Whether somebody did."""
        return self.signal is not None

    def grant(self) -> None:
        """Raise what ends the command, if somebody asked.

        Raises:
            Interrupted: with the signal's number.
        """
        if self.signal is not None:
            raise Interrupted(self.signal)


@contextmanager
def listen() -> Iterator[StopRequest]:
    """Note the first such signal instead of dying; a second Ctrl-C interrupts at once."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def note(number: int, frame: object) -> None:
        if request.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        request.signal = request.signal or number

    noted = (signal.SIGINT, *ending_signals())
    before = {number: signal.signal(number, note) for number in noted}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
