"""`vostool export`: a prediction folder's masks in the forms that other tools read."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vostool.core.console import progress
from vostool.core.files import atomic_path, write_json
from vostool.core.output import Output
from vostool.media.masks import write_mask
from vostool.predictions.folder import PredictionFolder
from vostool.predictions.foreign.rle_json import frame_objects, rle_document


class Form(enum.Enum):
    """What is written."""

    OBJECTS = "objects"
    """VIDEO/ID/FRAME.png per object, 0 and 1; no zeros before the id, so that nobody takes it
    for a number of SA-V, which counts from 000."""
    RLE = "rle"
    """One JSON file in the layout of YouTube-VIS."""
    NUMPY = "numpy"
    """VIDEO.npy, uint8 ids [T, H, W]."""


@dataclass(frozen=True)
class ExportedMasks:
    """Where they are, and how many videos."""

    out: Path
    videos: int


def export_masks(
    predictions: Path, form: Form, output: Output, videos: Sequence[str] = ()
) -> ExportedMasks:
    """Write all masks of a prediction folder in another form; `import` reads each of them back.

    Args:
        output: a folder; a file for `Form.RLE`.
        videos: names of those to write; by default all.

    Raises:
        DataError: bad masks.
        OutputError: the output exists and is not to be overwritten, or cannot be written.
        UsageError: it overlaps the predictions.
    """
    folder = PredictionFolder(predictions, videos)
    names = folder.videos()
    if form is Form.RLE:
        out = output.claim_file("file of masks", [predictions])
        write_json(out, rle_document(folder))
        return ExportedMasks(out, len(names))
    with output.owned([predictions]):
        out = output.claim_folder([predictions])
        with progress("exporting", len(names), "videos") as bar:
            for name in names:
                if form is Form.NUMPY:
                    _write_stack(folder, name, out)
                else:
                    _write_objects(folder, name, out)
                bar.advance(note=name)
        return ExportedMasks(out, len(names))


def _write_stack(folder: PredictionFolder, name: str, out: Path) -> None:
    stack = np.stack([folder.mask(name, frame) for frame in folder.frames(name)])
    target = out / f"{name}.npy"
    with atomic_path(target, durable=False) as temporary, temporary.open("wb") as stream:
        np.save(stream, stack)


def _write_objects(folder: PredictionFolder, name: str, out: Path) -> None:
    """A mask of every object in every frame, empty where it is not seen."""
    shown = {frame: frame_objects(folder, name, frame) for frame in folder.frames(name)}
    values = sorted(frozenset().union(*shown.values()))
    for frame, masks in shown.items():
        nothing = np.zeros(folder.size(name, frame), bool)
        for value in values:
            mask = masks.get(value, nothing).astype(np.uint8)
            write_mask(out / name / str(value) / f"{frame}.png", mask)
