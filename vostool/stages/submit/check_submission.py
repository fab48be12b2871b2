"""`vostool check-submission`: would the server take this archive?"""

from __future__ import annotations

from pathlib import Path

from vostool.datasets.catalogue import load_spec, load_videos
from vostool.submission.check import CheckReport, check_archive
from vostool.submission.expected import expect, submission_profile


def check_submission(archive: Path, dataset: str, root: Path, split: str) -> CheckReport:
    """List everything for which the server of a split would reject an archive.

    Args:
        archive: the file to submit, made by any tool.
        root: folder of the data set.
        split: one that a server takes.

    Raises:
        UsageError: unknown data set or split; no server for it.
        DataError: no such archive; the data set is unusable.
    """
    spec = load_spec(dataset)
    submission_profile(spec, split)
    expected = expect(spec, split, load_videos(dataset, root, split))
    return check_archive(archive, expected)
