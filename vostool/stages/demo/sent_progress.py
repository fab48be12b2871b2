"""Progress and lines of one process that another one shows."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from vostool.core.bars import Advance, LiveBars

INTERVAL_SECONDS = 0.1
"""How often a bar moves at most."""


@dataclass(frozen=True)
class Opened:
    """Work has begun; `number` says of which bar later messages are."""

    number: int
    label: str
    total: int | None
    unit: str


@dataclass(frozen=True)
class Advanced:
    """Some of it is done."""

    number: int
    amount: int
    note: str


@dataclass(frozen=True)
class Closed:
    """Nothing more will be done of it."""

    number: int
    finished: bool


@dataclass(frozen=True)
class Line:
    """A message."""

    text: str


class Channel:
    """The sending end of a pipe, for several threads; what nobody reads any more is dropped."""

    def __init__(self, sender: Connection):
        self._sender, self._lock = sender, threading.Lock()

    def send(self, message: Any) -> None:
        """Send anything that can be pickled."""
        with self._lock, contextlib.suppress(BrokenPipeError):
            self._sender.send(message)


class SentBars:
    """Bars (`vostool.core.bars`) that are shown at the other end."""

    def __init__(self, channel: Channel):
        self._channel, self._numbers = channel, itertools.count()

    def open(self, label: str, total: int | None, unit: str) -> Advance:
        """See `Bars`."""
        number = next(self._numbers)
        self._channel.send(Opened(number, label, total, unit))
        return _SentAdvance(self._channel, number)


class _SentAdvance(Advance):
    def __init__(self, channel: Channel, number: int):
        self._channel, self._number = channel, number
        self._waiting, self._note, self._sent = 0, "", 0.0

    def advance(self, amount: int = 1, note: str = "") -> None:
        super().advance(amount)
        self._waiting, self._note = self._waiting + amount, note
        if time.monotonic() - self._sent >= INTERVAL_SECONDS:
            self._flush()

    def _flush(self) -> None:
        self._sent = time.monotonic()
        self._channel.send(Advanced(self._number, self._waiting, self._note))
        self._waiting = 0

    def close(self, finished: bool = True) -> None:
        if self._waiting:
            self._flush()
        self._channel.send(Closed(self._number, finished))


class SentLines:
    """A stream whose complete lines are shown at the other end."""

    def __init__(self, channel: Channel):
        self._channel, self._rest = channel, ""

    def write(self, text: str) -> int:
        """Send the lines that are complete."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._channel.send(Line(line))
        return len(text)

    def flush(self) -> None:
        """Lines go at once."""


class Shown:
    """Shows what several processes send.

    Args:
        bars: where; None where they show it themselves, so that nothing comes.
    """

    def __init__(self, bars: LiveBars | None):
        self._bars = bars
        self._open: dict[tuple[str, int], Advance] = {}

    def show(self, name: str, message: Opened | Advanced | Closed | Line) -> None:
        """One message of the process of this name."""
        assert self._bars is not None
        if isinstance(message, Line):
            self._bars.print(f"{name}: {message.text}" if message.text else "")
        elif isinstance(message, Opened):
            label = f"{name}: {message.label}"
            bar = self._bars.open(label, message.total, message.unit)
            self._open[name, message.number] = bar
        elif isinstance(message, Advanced):
            self._open[name, message.number].advance(message.amount, message.note)
        else:
            self._open.pop((name, message.number)).close(message.finished)
