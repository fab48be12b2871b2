"""`vostool package-submission --rehearse`: hand in to nobody, and be scored here."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from vostool.core.output import Output
from vostool.datasets.selection import Selection
from vostool.predictions.folder import PredictionFolder, PredictionWriter
from vostool.scoring.report import EvaluationReport
from vostool.stages.score.evaluate import evaluate
from vostool.submission.expected import expected_archive
from vostool.submission.format import load_format
from vostool.submission.package import PackageReport, package


@dataclass(frozen=True)
class Rehearsal:
    """What was packed, and what a server would have said."""

    package: PackageReport
    scores: EvaluationReport


def rehearse_submission(predictions: Path, selection: Selection, output: Output) -> Rehearsal:
    """Package predictions of a split with ground truth, and score what is in the archive.

    What is scored was read from the archive, so that what packing loses (holes in polygons) is
    lost here, too.

    Args:
        selection: a split with public ground truth, or a part of an offline split, all of it.
        output: the archive; kept.

    Raises:
        UsageError: nothing to rehearse, or an output of the wrong kind.
        DataError: data set or predictions unusable; SubmissionError lists all problems.
        OutputError: `output` exists or cannot be written.
    """
    expected = expected_archive(selection, rehearse=True)
    report = package(PredictionFolder(predictions), expected, output)
    with tempfile.TemporaryDirectory(prefix="vostool-") as folder:
        writer = PredictionWriter(Path(folder))
        load_format(expected.profile.format).unpack(report.archive, expected, writer)
        return Rehearsal(report, evaluate(Path(folder), selection))
