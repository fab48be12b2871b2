"""`vostool package-submission`: predictions into the archive that a server takes."""

from __future__ import annotations

from pathlib import Path

from vostool.core.output import Output, refuse_replacing
from vostool.datasets.selection import Selection
from vostool.predictions.folder import PredictionFolder
from vostool.submission.expected import expected_archive, submission_profile
from vostool.submission.package import PackageReport, package


def package_submission(
    predictions: Path,
    selection: Selection,
    output: Output,
) -> PackageReport:
    """Verify predictions, write the submission archive, and check it.

    Args:
        predictions: prediction folder, ours or any tool's (Annotations/VIDEO/FRAME.png).
        selection: a split that a server takes, all of it.
        output: a .zip file; written completely or not at all.

    Raises:
        UsageError: unknown data set or split; no server for it; only some of its videos; an
            output that is no .zip.
        DataError: data set or predictions unusable; SubmissionError lists all problems.
        OutputError: `output` exists or cannot be written.
    """
    submission_profile(selection.spec, selection.split)
    refuse_replacing(output.path, [predictions, selection.root])
    folder = PredictionFolder(predictions)
    return package(folder, expected_archive(selection), output)
