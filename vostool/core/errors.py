"""Errors that a user can act on: what is wrong, where, and what to do."""

from __future__ import annotations

from pathlib import Path


class VostoolError(Exception):
    """A failure with a remedy; the command line prints it as one sentence, without a traceback.

    Args:
        what: what is wrong, without a full stop.
        where: file, video, frame or object concerned; appended in brackets.
        remedy: what the user can do about it.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str | Path | None = None, remedy: str | None = None):
        self.what, self.where, self.remedy = what, where, remedy
        sentence = what if where is None else f"{what} ({where})"
        super().__init__(sentence if remedy is None else f"{sentence}: {remedy}")


class UsageError(VostoolError):
    """The command was called wrongly: unknown name, contradictory options, value out of range."""

    exit_code = 2


class DataError(VostoolError):
    """An input file or folder is missing, damaged or not what it should be."""


class CheckpointError(VostoolError):
    """A checkpoint cannot be read or belongs to another architecture."""


class OutputError(VostoolError):
    """An output cannot be written: folder not empty, no space left, no permission."""
