"""What long work says while it runs: log messages and progress, both on standard error.

Modules write to `logging.getLogger(__name__)`. The command line shows that with `show_messages`;
a program that uses vostool without it sees warnings only, as logging does by default.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from rich.console import Console, ConsoleRenderable
from rich.highlighter import NullHighlighter
from rich.logging import RichHandler
from rich.text import Text

from vostool.core.bars import (
    Advance,
    Bars,
    LineBars,
    LiveBars,
    NotebookBars,
    TerminalBars,
    in_notebook,
)
from vostool.core.errors import printable

log = logging.getLogger(__name__)
_TOP = logging.getLogger("vostool")


def level(*, quiet: bool = False, verbose: bool = False) -> int:
    """Logging level of --quiet and --verbose; quiet wins."""
    if quiet:
        return logging.WARNING
    return logging.DEBUG if verbose else logging.INFO


def show_messages(
    level: int = logging.INFO, stream: IO[str] | None = None, bars: Bars | None = None
) -> None:
    """Show vostool's messages from `level` on as plain lines, in place of an earlier call.

    Args:
        level: a level of `logging`.
        stream: where to; default standard error, so that standard output stays for results.
        bars: where progress goes; by default what the stream and the level allow.
    """
    for handler in list(_TOP.handlers):
        if isinstance(handler, _Lines):
            _TOP.removeHandler(handler)
    _TOP.addHandler(_Lines(stream, bars))
    _TOP.setLevel(level)


class _Lines(RichHandler):
    """Messages as they are, each as one line however long; warnings say that they are."""

    def __init__(self, stream: IO[str] | None, bars: Bars | None = None):
        self.bars = bars
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

    def on_broken_pipe(self) -> None:
        """Let the command line say it; rich would end the process without a word."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


@contextmanager
def progress(label: str, total: int | None, unit: str = "it") -> Iterator[Advance]:
    """Show progress over `total` units; yields an object with `advance(n=1, note="")`.

    `unit` is in the plural, such as "frames". A bar where messages go to a terminal and in
    notebooks, else a message now and then; nothing where messages of level INFO are not shown.
    """
    with _bars() as bars:
        bar = Advance() if bars is None else bars.open(label, total, unit)
        try:
            yield bar
        except BaseException:
            bar.close(finished=False)
            raise
        bar.close()


@contextmanager
def live_bars() -> Iterator[LiveBars | None]:
    """Bars for several pieces of work at once; None where progress is told in lines, or not."""
    handler = _handler()
    if in_notebook() and (handler is None or log.isEnabledFor(logging.INFO)):
        yield NotebookBars()
    elif handler is not None and handler.console.is_terminal and log.isEnabledFor(logging.INFO):
        with TerminalBars.on(handler.console) as bars:
            yield bars
    else:
        yield None


@contextmanager
def _bars() -> Iterator[Bars | None]:
    """Where progress goes; None for nowhere."""
    handler = _handler()
    if handler is not None and handler.bars is not None:
        yield handler.bars
        return
    with live_bars() as bars:
        if bars is not None:
            yield bars
        else:
            yield LineBars(log) if log.isEnabledFor(logging.INFO) else None


def _handler() -> _Lines | None:
    return next((item for item in _TOP.handlers if isinstance(item, _Lines)), None)
