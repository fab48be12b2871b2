"""`vostool check-submission`: would the server take this archive?"""

from __future__ import annotations

from pathlib import Path

from vostool.datasets.selection import Selection
from vostool.submission.check import CheckReport, check_archive
from vostool.submission.expected import expected_archive


def check_submission(archive: Path, selection: Selection, *, rehearse: bool = False) -> CheckReport:
    """List everything for which the server of a split would reject an archive.

    Args:
        archive: the file to submit, made by any tool.
        selection: a split that a server takes, all of it.
        rehearse: the split has public ground truth; the archive is for the data set's server.

    Raises:
        UsageError: unknown data set or split; no server for it; only some of its videos.
        DataError: no such archive; the data set is unusable.
    """
    return check_archive(archive, expected_archive(selection, rehearse))
