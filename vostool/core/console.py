"""What long work says while it runs: a progress bar with rate and time left, or plain lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console as RichConsole
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

PLAIN_INTERVAL_SECONDS = 30.0
"""How often a log without a terminal gets a progress line."""


class Console:
    """Messages go to standard error, so that standard output stays for results.

    Args:
        quiet: only warnings.
        verbose: details too.
        stream: where to write; default standard error.
    """

    def __init__(self, *, quiet: bool = False, verbose: bool = False, stream=None):
        self.quiet, self.verbose = quiet, verbose
        self._rich = RichConsole(file=stream or sys.stderr, highlight=False, soft_wrap=True)

    @classmethod
    def silent(cls) -> Console:
        """A console that prints warnings only, for use from Python."""
        return cls(quiet=True)

    def info(self, message: str) -> None:
        """Print a line unless quiet."""
        if not self.quiet:
            self._rich.print(message, markup=False)

    def detail(self, message: str) -> None:
        """Print a line if verbose."""
        if self.verbose and not self.quiet:
            self._rich.print(message, markup=False)

    def warn(self, message: str) -> None:
        """Print a warning, always."""
        self._rich.print(f"warning: {message}", markup=False, style="yellow")

    @contextmanager
    def progress(self, label: str, total: int | None, unit: str = "it") -> Iterator[Advance]:
        """Show progress over `total` units; yields an object with `advance(n=1, note="")`."""
        if self.quiet:
            yield Advance()
        elif self._rich.is_terminal:
            with _bar(self._rich, unit) as bar:
                yield _BarAdvance(bar, bar.add_task(label, total=total, note="", rate=""), unit)
        else:
            lines = _LineAdvance(self, label, total, unit)
            yield lines
            lines.finish()


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
        rate = self.done / max(time.monotonic() - self._start, 1e-9)
        shown = f"{rate:.1f} {self._unit}/s"
        self._bar.update(self._task, advance=amount, note=note, rate=shown)


class _LineAdvance(Advance):
    def __init__(self, console: Console, label: str, total: int | None, unit: str):
        self._console, self._label, self._total, self._unit = console, label, total, unit
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
        rate = self.done / max(now - self._start, 1e-9)
        of = f"/{self._total}" if self._total else ""
        left = ""
        if self._total and 0 < self.done < self._total:
            left = f", {(self._total - self.done) / max(rate, 1e-9):.0f} s left"
        self._console.info(
            f"{self._label}: {self.done}{of} {self._unit}, {rate:.1f} {self._unit}/s{left}"
            + (f" ({note})" if note else "")
        )


def _bar(console: RichConsole, unit: str) -> Progress:
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
