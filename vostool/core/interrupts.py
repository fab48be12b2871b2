"""SIGTERM and SIGHUP as exceptions, so that they end work as Ctrl-C does, with all clean-up.

Python turns only Ctrl-C's SIGINT into an exception; any other signal ends the process at once, with
its temporary files.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SHELL_BASE = 128
"""Shells report a process that a signal ended by this plus the signal's number."""


class Interrupted(KeyboardInterrupt):
    """A signal asked this process to end.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """128 + signal; Python's own exception stands for SIGINT."""
    number = interrupt.number if isinstance(interrupt, Interrupted) else signal.SIGINT
    return SHELL_BASE + number


def ending_signals() -> tuple[int, ...]:
    """SIGTERM, and SIGHUP where there is one and `nohup` has not switched it off."""
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is None or signal.getsignal(hangup) is signal.SIG_IGN:
        return (signal.SIGTERM,)
    return (signal.SIGTERM, hangup)


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Raise `Interrupted` at the first SIGTERM or SIGHUP inside the block.

    Later ones are passed over while work is being ended (systemd sends both); Ctrl-C still counts.
    Outside the main thread, where Python delivers no signals, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner, seen = os.getpid(), False

    def end(number: int, frame: object) -> None:
        nonlocal seen
        if os.getpid() != owner:  # a forked process, which is to end as if we were not here
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        elif not seen:
            seen = True
            raise Interrupted(number)

    before = {number: signal.signal(number, end) for number in ending_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
