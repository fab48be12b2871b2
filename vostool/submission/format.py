"""What a kind of archive is: how predictions become one, and how one is judged.

A format is a module in `vostool/submission/formats/` (or an entry point of `vostool.formats`) with
a value `FORMAT`. A profile names it; nothing else is edited.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from vostool.core import registry
from vostool.predictions.folder import PredictionFolder, PredictionWriter
from vostool.submission.expected import Expectation
from vostool.submission.problems import Problems

PACKAGE = "vostool.submission.formats"
ENTRY_POINT_GROUP = "vostool.formats"


class Format(Protocol):
    """One kind of archive.

    Attributes:
        suffix: of the file, such as ".zip".
    """

    suffix: str

    def write(
        self,
        predictions: PredictionFolder,
        expected: Expectation,
        archive: Path,
        problems: Problems,
    ) -> int:
        """Write all predictions that are there and wanted; what is wrong is added to `problems`.

        Returns:
            How many masks had to be converted without change of ids.
        """

    def check(self, archive: Path, expected: Expectation, problems: Problems) -> None:
        """Hold a finished archive against what is expected; what is wrong is added."""

    def unpack(self, archive: Path, expected: Expectation, writer: PredictionWriter) -> None:
        """Take predictions out of an archive that passes its check, as its scorer does."""


def load_format(name: str) -> Format:
    """The format of this name.

    Raises:
        UsageError: there is none.
    """
    found = registry.load(
        PACKAGE, name, kind="kind of archive", entry_point_group=ENTRY_POINT_GROUP
    )
    form: Format = found.FORMAT
    return form
