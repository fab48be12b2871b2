"""Ways of showing how far long work is: bars on a terminal, bars in a notebook, plain lines."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
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


class Advance:
    """Counts units of work done; this one shows nothing."""

    done = 0

    def advance(self, amount: int = 1, note: str = "") -> None:
        """Report `amount` more units done, with a short note such as the current loss."""
        self.done += amount

    def close(self, finished: bool = True) -> None:
        """Nothing more will be done, because all is done or something failed."""


class Bars(Protocol):
    """Where progress is shown, of several pieces of work at once."""

    def open(self, label: str, total: int | None, unit: str) -> Advance:
        """Begin to show a piece of work; `unit` is in the plural."""


class LiveBars(Bars, Protocol):
    """Bars that move, and must not be written over."""

    def print(self, line: str) -> None:
        """A line above the bars."""


class LineBars:
    """A message now and then, and one at the end."""

    def __init__(self, log: logging.Logger):
        self._log = log

    def open(self, label: str, total: int | None, unit: str) -> Advance:
        """See `Bars`."""
        return _LineAdvance(self._log, label, total, unit)


class _LineAdvance(Advance):
    def __init__(self, log: logging.Logger, label: str, total: int | None, unit: str):
        self._log, self._label, self._total, self._unit = log, label, total, unit
        self._start = self._last = time.monotonic()

    def advance(self, amount: int = 1, note: str = "") -> None:
        super().advance(amount)
        now = time.monotonic()
        if now - self._last >= PLAIN_INTERVAL_SECONDS:
            self._last = now
            self._print(now, note)

    def close(self, finished: bool = True) -> None:
        if self.done and finished:
            self._print(time.monotonic(), "done")

    def _print(self, now: float, note: str) -> None:
        of = f"/{self._total}" if self._total else ""
        left = ""
        if self._total and 0 < self.done < self._total:
            seconds = (self._total - self.done) * (now - self._start) / self.done
            left = f", {seconds:.0f} s left"
        speed = f", {rate(self.done, now - self._start, self._unit)}" if self.done else ""
        self._log.info(
            f"{self._label}: {self.done}{of} {self._unit}{speed}{left}"
            + (f" ({note})" if note else "")
        )


class TerminalBars:
    """Bars below each other that move; they stay when they are done."""

    def __init__(self, progress: Progress):
        self._progress = progress

    @classmethod
    @contextmanager
    def on(cls, console: Console) -> Iterator[TerminalBars]:
        """Bars of a terminal, while the block lasts."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        with Progress(*columns, console=console) as progress:
            yield cls(progress)

    def open(self, label: str, total: int | None, unit: str) -> Advance:
        """See `Bars`."""
        task = self._progress.add_task(label, total=total, note="", rate="")
        return _TerminalAdvance(self._progress, task, unit)

    def print(self, line: str) -> None:
        """See `LiveBars`."""
        self._progress.console.print(Text(printable(line)))


class _TerminalAdvance(Advance):
    def __init__(self, progress: Progress, task: Any, unit: str):
        self._progress, self._task, self._unit = progress, task, unit
        self._start = time.monotonic()

    def advance(self, amount: int = 1, note: str = "") -> None:
        super().advance(amount)
        shown = rate(self.done, time.monotonic() - self._start, self._unit) if self.done else ""
        self._progress.update(self._task, advance=amount, note=note, rate=shown)

    def close(self, finished: bool = True) -> None:
        self._progress.stop_task(self._task)


class NotebookBars:
    """tqdm's bars, which notebooks draw."""

    def open(self, label: str, total: int | None, unit: str) -> Advance:
        """See `Bars`."""
        return _NotebookAdvance(label, total, unit)

    def print(self, line: str) -> None:
        """See `LiveBars`."""
        from tqdm.auto import tqdm

        tqdm.write(printable(line), file=sys.stderr)


class _NotebookAdvance(Advance):
    def __init__(self, label: str, total: int | None, unit: str):
        from tqdm.auto import tqdm

        self._bar = tqdm(total=total, desc=label, unit=f" {unit.removesuffix('s')}")

    def advance(self, amount: int = 1, note: str = "") -> None:
        super().advance(amount)
        if note:
            self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(amount)

    def close(self, finished: bool = True) -> None:
        self._bar.close()


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    return shell is not None and "IPKernelApp" in shell.config
