"""What long work says while it runs: log messages and progress, both on standard error.

Modules write to `logging.getLogger(__name__)`. The command line shows that with `show_messages`;
a program that uses vostool without it sees warnings only, as logging does by default.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from rich.console import Console, ConsoleRenderable
from rich.highlighter import NullHighlighter
from rich.logging import RichHandler
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from vostool.core.errors import printable
from vostool.core.figures import rate

PLAIN_INTERVAL_SECONDS = 30.0
"""How often a log without a terminal gets a progress line."""

log = logging.getLogger(__name__)
_TOP = logging.getLogger("vostool")


def level(*, quiet: bool = False, verbose: bool = False) -> int:
    """Logging level of --quiet and --verbose; quiet wins."""
    if quiet:
        return logging.WARNING
    return logging.DEBUG if verbose else logging.INFO


def show_messages(level: int = logging.INFO, stream: IO[str] | None = None) -> None:
    """Show vostool's messages from `level` on as plain lines, in place of an earlier call.

    Args:
        level: a level of `logging`.
        stream: where to; default standard error, so that standard output stays for results.
    """
    for handler in list(_TOP.handlers):
        if isinstance(handler, _Lines):
            _TOP.removeHandler(handler)
    _TOP.addHandler(_Lines(stream))
    _TOP.setLevel(level)


class _Lines(RichHandler):
    """Messages as they are, each as one line however long; warnings say that they are."""

    def __init__(self, stream: IO[str] | None):
        console = Console(file=stream, stderr=stream is None, highlight=False, soft_wrap=True)
        super().__init__(console=console, highlighter=NullHighlighter(), keywords=[])

    def format(self, record: logging.LogRecord) -> str:
        """The message on one line; names in it may be anybody's."""
        return printable(super().format(record))

    def render(
        self,
        *,
        record: logging.LogRecord,
        traceback: object,
        message_renderable: ConsoleRenderable,
    ) -> ConsoleRenderable:
        """Without rich's columns of time, level and path."""
        assert isinstance(message_renderable, Text)
        if record.levelno < logging.WARNING:
            return message_renderable
        return Text.assemble("warning: ", message_renderable, style="yellow")


class ResultConsole(Console):
    """A console for tables and lines of results, in which names may be anybody's.

    Text that it is given is shown as it is: neither rich's markup nor what a terminal obeys works.

    Args:
        stderr: write to standard error instead of standard output.
        width: in columns; default the terminal's.
    """

    def __init__(self, *, stderr: bool = False, width: int | None = None, soft_wrap: bool = False):
        super().__init__(
            stderr=stderr,
            width=width,
            soft_wrap=soft_wrap,
            markup=False,
            emoji=False,
            highlight=False,
        )

    def render_str(self, text: str, **options: Any) -> Text:
        """The text without anything invisible."""
        return super().render_str(printable(text), **options)


@contextmanager
def progress(label: str, total: int | None, unit: str = "it") -> Iterator[Advance]:
    """Show progress over `total` units; yields an object with `advance(n=1, note="")`.

    `unit` is in the plural, such as "frames".

    A bar where messages go to a terminal, else a message now and then; nothing where messages of
    level INFO are not shown.
    """
    terminal = _terminal()
    if not log.isEnabledFor(logging.INFO):
        yield Advance()
    elif terminal is not None:
        with _bar(terminal, unit) as bar:
            yield _BarAdvance(bar, bar.add_task(label, total=total, note="", rate=""), unit)
    else:
        lines = _LineAdvance(label, total, unit)
        yield lines
        lines.finish()


def _terminal() -> Console | None:
    """The terminal that messages go to, if it is one."""
    consoles = [item.console for item in _TOP.handlers if isinstance(item, _Lines)]
    return next((console for console in consoles if console.is_terminal), None)


class Advance:
    """Counts units of work done; this one shows nothing."""

    done = 0

    def advance(self, amount: int = 1, note: str = "") -> None:
        """Report `amount` more units done, with a short note such as the current loss."""
        self.done += amount


class _BarAdvance(Advance):
    def __init__(self, bar: Progress, task, unit: str):
        self._bar, self._task, self._unit, self._start = bar, task, unit, time.monotonic()

    def advance(self, amount: int = 1, note: str = "") -> None:
        super().advance(amount)
        shown = rate(self.done, time.monotonic() - self._start, self._unit) if self.done else ""
        self._bar.update(self._task, advance=amount, note=note, rate=shown)


class _LineAdvance(Advance):
    def __init__(self, label: str, total: int | None, unit: str):
        self._label, self._total, self._unit = label, total, unit
        self._start = self._last = time.monotonic()

    def advance(self, amount: int = 1, note: str = "") -> None:
        super().advance(amount)
        now = time.monotonic()
        if now - self._last >= PLAIN_INTERVAL_SECONDS:
            self._last = now
            self._print(now, note)

    def finish(self) -> None:
        if self.done:
            self._print(time.monotonic(), "done")

    def _print(self, now: float, note: str) -> None:
        of = f"/{self._total}" if self._total else ""
        left = ""
        if self._total and 0 < self.done < self._total:
            seconds = (self._total - self.done) * (now - self._start) / self.done
            left = f", {seconds:.0f} s left"
        speed = f", {rate(self.done, now - self._start, self._unit)}" if self.done else ""
        log.info(
            f"{self._label}: {self.done}{of} {self._unit}{speed}{left}"
            + (f" ({note})" if note else "")
        )


def _bar(console: Console, unit: str) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
    )
