"""A zip archive of palette PNGs, one per frame: `PREFIX/VIDEO/FRAME.png`."""

from __future__ import annotations

from pathlib import Path

from vostool.predictions.folder import PredictionFolder, PredictionWriter
from vostool.submission.expected import Expectation
from vostool.submission.mask_archive import unpack_mask_archive, write_mask_archive
from vostool.submission.mask_check import check_mask_archive
from vostool.submission.problems import Problems


class Masks:
    """Masks as they are, in the folders that the profile wants."""

    suffix = ".zip"

    def write(
        self,
        predictions: PredictionFolder,
        expected: Expectation,
        archive: Path,
        problems: Problems,
    ) -> int:
        return write_mask_archive(predictions, expected, archive, problems)

    def check(self, archive: Path, expected: Expectation, problems: Problems) -> None:
        check_mask_archive(archive, expected, problems)

    def unpack(self, archive: Path, expected: Expectation, writer: PredictionWriter) -> None:
        unpack_mask_archive(archive, expected, writer)


FORMAT = Masks()
