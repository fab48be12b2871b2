"""What is wrong with a submission, as a bounded list of sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vostool.core.errors import DataError

LISTED = 50
"""How many problems are written out; the rest is counted."""


class Problems:
    """Sentences in order of discovery; those past `LISTED` are only counted."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.count = 0

    def add(self, file: str, what: str) -> None:
        """Note what is wrong with a file, folder or the archive itself."""
        self.count += 1
        if len(self.sentences) < LISTED:
            self.sentences.append(f"{file}: {what}")

    def __bool__(self) -> bool:
        return self.count > 0

    def lines(self) -> tuple[str, ...]:
        """The sentences, and a last one that counts the rest."""
        more = self.count - len(self.sentences)
        return (*self.sentences, *((f"... and {more} more problems",) if more else ()))


class SubmissionError(DataError):
    """Predictions, or an archive made of them, are not what the server takes.

    Attributes:
        problems: one sentence each; a last one counts those left out.
    """

    def __init__(self, what: str, where: str | Path, problems: Sequence[str], remedy: str):
        self.problems = tuple(problems)
        super().__init__(what, where=where, remedy=remedy, details=self.problems)
