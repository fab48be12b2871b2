"""`vostool convert`: one form of predictions into another, and result files into predictions."""

from __future__ import annotations

import enum
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vostool.core.console import progress
from vostool.core.errors import UsageError
from vostool.core.output import Output
from vostool.core.types import ObjectIds
from vostool.datasets.selection import Selection
from vostool.media.layers import unflatten
from vostool.predictions.folder import PredictionFolder
from vostool.predictions.lineage import parent_record
from vostool.predictions.run import Planned, PredictionRun
from vostool.submission.check import check_archive
from vostool.submission.expected import expected_archive
from vostool.submission.format import load_format
from vostool.submission.problems import SubmissionError


class Form(enum.Enum):
    """Forms of a prediction folder."""

    FLAT = "flat"
    """One mask per frame, one id per pixel; of overlapping objects the smaller one."""
    LAYERED = "layered"
    """One mask per object and frame."""


def convert(predictions: Path, form: Form, output: Output, videos: Sequence[str] = ()) -> Path:
    """Write predictions in another form; returns the folder.

    Args:
        videos: names of those to write; by default all.

    Raises:
        UsageError: all videos have that form; `output` overlaps the predictions.
        DataError: a mask is unreadable.
        OutputError: `output` is not empty.
    """
    folder = PredictionFolder(predictions, videos)
    layered = [name for name in folder.videos() if folder.is_layered(name)]
    if len(layered) == (len(folder.videos()) if form is Form.LAYERED else 0):
        raise UsageError(
            f"the predictions are {form.value} already", where=predictions, remedy="use them"
        )
    ids = {name: _ids(folder, name) for name in folder.videos()}
    with output.owned([predictions]):
        run = PredictionRun(
            output,
            {"command": "convert", "parents": [parent_record(folder, output.path)]},
            {"form": form.value},
            {name: Planned(folder.frames(name), ids[name]) for name in folder.videos()},
            inputs=[predictions],
        )
        total = sum(len(folder.frames(name)) for name in run.todo)
        with progress("convert", total, "frames") as bar:
            for name in run.todo:
                start = time.monotonic()
                for frame in folder.frames(name):
                    _convert(folder, name, frame, ids[name], form, run)
                run.finish(name, time.monotonic() - start)
                bar.advance(len(folder.frames(name)), name)
        return run.root


def unpack_result(result: Path, selection: Selection, output: Output) -> Path:
    """Turn a result file or archive of any tool into a prediction folder; returns the folder.

    Raises:
        UsageError: the data set has no such kind of file.
        SubmissionError: the file does not pass its check; lists all problems.
        DataError: no such file; the data set is unusable.
        OutputError: `output` is not empty.
    """
    spec = selection.spec
    expected = expected_archive(selection, rehearse=selection.split not in spec.submissions)
    report = check_archive(result, expected)
    if not report.ok:
        raise SubmissionError(
            f"the file does not fit {expected.title}", result, report.problems, "correct these:"
        )
    planned = {
        name: Planned(video.frames, ObjectIds.of(video.starts))
        for name, video in expected.videos.items()
    }
    about = {"command": "convert", "parents": [{"path": str(result)}], **selection.record}
    with output.owned([result]):
        run = PredictionRun(output, about, selection.record, planned, inputs=[result])
        load_format(expected.profile.format).unpack(result, expected, run.writer)
        for name in run.todo:
            run.finish(name, 0.0)
        return run.root


def _ids(folder: PredictionFolder, name: str) -> ObjectIds:
    """Ids of a video's objects: those of its folders, or of all its masks."""
    found: set[int] = set()
    for frame in folder.frames(name):
        if folder.is_layered(name):
            found |= set(folder.layer_ids(name, frame))
        else:
            found |= set(np.unique(folder.mask(name, frame)).tolist()) - {0}
    return ObjectIds.of(found)


def _convert(
    folder: PredictionFolder, name: str, frame: str, ids: ObjectIds, form: Form, run: PredictionRun
) -> None:
    if form is Form.FLAT:
        run.writer.write_mask(name, frame, folder.mask(name, frame))
    elif folder.is_layered(name):
        run.writer.write_layers(name, frame, folder.layers(name, frame))
    else:
        run.writer.write_layers(name, frame, unflatten(folder.mask(name, frame), ids.values))
