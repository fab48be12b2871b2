"""Would a server take this archive? What the answer looks like."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vostool.core.errors import DataError
from vostool.datasets.spec import Server
from vostool.submission.expected import Expectation
from vostool.submission.format import load_format
from vostool.submission.problems import Problems


@dataclass(frozen=True)
class CheckReport:
    """What was found in an archive.

    Attributes:
        archive: its path.
        title: data set and split it was held against.
        videos, frames: how many are expected.
        problems: one sentence each, empty if the server should take it; a last one counts those
            that are left out.
        server: where it goes and whether that lives; None for what is scored locally.
    """

    archive: Path
    title: str
    videos: int
    frames: int
    problems: tuple[str, ...]
    server: Server | None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def check_archive(archive: Path, expected: Expectation) -> CheckReport:
    """Hold an archive against what the server expects.

    Raises:
        DataError: there is no such file.
    """
    if not archive.is_file():
        raise DataError("there is no such archive", where=archive, remedy="check the path")
    problems = Problems()
    load_format(expected.profile.format).check(archive, expected, problems)
    return CheckReport(
        archive,
        expected.title,
        len(expected.videos),
        expected.frame_count,
        problems.lines(),
        expected.profile.server,
    )
