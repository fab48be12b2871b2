"""`vostool package-submission`: predictions into the archive that a server takes."""

from __future__ import annotations

from pathlib import Path

from vostool.datasets.catalogue import load_spec, load_videos
from vostool.predictions.folder import PredictionFolder
from vostool.submission.expected import expect, submission_profile
from vostool.submission.package import PackageReport, package


def package_submission(
    predictions: Path,
    dataset: str,
    root: Path,
    split: str,
    out: Path,
    *,
    overwrite: bool = False,
) -> PackageReport:
    """Verify predictions, write the submission archive, and check it.

    Args:
        predictions: prediction folder, ours or any tool's (Annotations/VIDEO/FRAME.png).
        root: folder of the data set.
        split: one that a server takes.
        out: a .zip file; written completely or not at all.

    Raises:
        UsageError: unknown data set or split; no server for it; `out` is no .zip.
        DataError: data set or predictions unusable; SubmissionError lists all problems.
        OutputError: `out` exists or cannot be written.
    """
    spec = load_spec(dataset)
    submission_profile(spec, split)
    folder = PredictionFolder(predictions)
    expected = expect(spec, split, load_videos(dataset, root, split))
    return package(folder, expected, out, overwrite=overwrite)
