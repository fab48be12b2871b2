"""Errors that a user can act on: what is wrong, where, and what to do."""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def printable(text: str) -> str:
    """Text for a terminal or a log, on one line: anything invisible is written as its escape.

    Names of files and videos come from other people's archives; a terminal obeys what is in them,
    and a line break in one would make two messages of one.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class VostoolError(Exception):
    """A failure with a remedy; the command line prints it as one sentence, without a traceback.

    Args:
        what: what is wrong, without a full stop.
        where: file, video, frame or object concerned; appended in brackets.
        remedy: what the user can do about it.
        details: sentences that follow, a line each.
    """

    exit_code = 1

    def __init__(
        self,
        what: str,
        *,
        where: str | Path | None = None,
        remedy: str | None = None,
        details: Sequence[str] = (),
    ):
        self.what, self.where, self.remedy, self.details = what, where, remedy, tuple(details)
        super().__init__(what)

    def __str__(self) -> str:
        sentence = self.what if self.where is None else f"{self.what} ({self.where})"
        sentence = sentence if self.remedy is None else f"{sentence}: {self.remedy}"
        return "\n  ".join(map(printable, (sentence, *self.details)))

    def __reduce__(self) -> Any:
        """For other processes: what it is made of, whatever a subclass takes to make it."""
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[VostoolError], args: tuple[Any, ...], state: dict[str, Any]) -> Any:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class UsageError(VostoolError):
    """The command was called wrongly: unknown name, contradictory options, value out of range."""

    exit_code = 2


class DataError(VostoolError):
    """An input file or folder is missing, damaged or not what it should be."""


class CheckpointError(VostoolError):
    """A checkpoint cannot be read or belongs to another architecture."""


class OutputError(VostoolError):
    """An output cannot be written: folder not empty, no space left, no permission."""


_NO_MEMORY = (
    "can't allocate memory",
    "not enough memory",
    "Insufficient memory",
    "out of memory",
    "bad_alloc",
    "Storage size calculation overflowed",
    "Overflow when unpacking long",
)
"""How torch and OpenCV say it, in exceptions of no class of their own; no machine holds the last
two's sizes."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, in Python, numpy, torch, OpenCV or on a GPU."""
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    torch, cv2 = sys.modules.get("torch"), sys.modules.get("cv2")
    kinds = (RuntimeError, TypeError, *((cv2.error,) if cv2 is not None else ()))
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, kinds) and any(text in str(error) for text in _NO_MEMORY)


_LOADING_PROCESS = ("DataLoader worker", "shared memory (shm)")
"""Parts of what torch says where a process that loads clips was killed, or has no room for them."""


def is_lost_loading_process(error: BaseException) -> bool:
    """Whether a process that loads clips for training was killed, or has no room for them."""
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _LOADING_PROCESS)
