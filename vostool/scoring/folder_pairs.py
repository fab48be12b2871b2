"""Reading a frame's predicted and true masks and comparing them, or saying why they do not fit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vostool.core.types import Frame, Video
from vostool.datasets.annotations import read_layers
from vostool.media.images import frame_size
from vostool.media.layers import unflatten
from vostool.media.masks import read_mask, read_predicted_mask
from vostool.predictions.folder import PredictionFolder
from vostool.predictions.mask_fit import size_difference, unknown_ids
from vostool.scoring.layered import LayeredPair
from vostool.scoring.mask_pair import MaskPair, Workspace

EXTRA_IDS = "masks with unknown object ids"
WRONG_SIZE = "masks of the wrong size"
MISSING_OBJECTS = "missing masks of single objects"

Faults = list[tuple[str, str]]
"""(kind, place) of what is wrong."""


def read_pair(
    folder: PredictionFolder,
    video: Video,
    frame: Frame,
    counts: bool,
    faults: Faults,
    workspace: Workspace,
) -> MaskPair | LayeredPair | None:
    """Compare a frame's masks; None where the frame does not count or its masks do not fit.

    Where the truth has a mask per object, each object is compared alone. Where it has not, the
    smaller of predicted objects that overlap counts.

    Raises:
        DataError: a mask is unreadable.
    """
    if frame.layers is not None:
        return _layered(folder, video, frame, counts, faults, workspace)
    place = f"{video.name}/{frame.name}"
    if folder.is_layered(video.name):
        predicted = folder.mask(video.name, frame.name)
    else:
        path = folder.mask_path(video.name, frame.name)
        predicted = read_predicted_mask(path, video.encoding)
    truth = read_mask(frame.annotation, video.encoding) if counts and frame.annotation else None
    size = (truth.shape[0], truth.shape[1]) if truth is not None else frame_size(frame)
    if not _fits({0: predicted}, size, place, faults):
        return None
    pair = MaskPair.of(predicted, predicted if truth is None else truth, workspace)
    _note_unknown(pair.predicted_ids().tolist(), video, place, faults)
    return None if truth is None else pair


def _layered(
    folder: PredictionFolder,
    video: Video,
    frame: Frame,
    counts: bool,
    faults: Faults,
    workspace: Workspace,
) -> LayeredPair | None:
    place = f"{video.name}/{frame.name}"
    ids = video.ids.values
    if folder.is_layered(video.name):
        predicted = folder.layers(video.name, frame.name)
        missing = [number for number in ids if number not in predicted]
        if missing:
            faults += [(MISSING_OBJECTS, f"{place}: object {number}") for number in missing]
            return None
        there = list(predicted)
    else:
        mask = folder.mask(video.name, frame.name)
        there = [int(value) for value in np.unique(mask) if value]
        predicted = unflatten(mask, (*ids, *there))
    truth = read_layers(frame) if counts else {}
    size = next(iter(truth.values())).shape if truth else frame_size(frame)
    if not _fits(predicted, (size[0], size[1]), place, faults):
        return None
    _note_unknown(there, video, place, faults)
    if not counts:
        return None
    return LayeredPair.of(predicted, truth, ids, (size[0], size[1]), workspace)


def _fits(
    masks: Mapping[int, np.ndarray], size: tuple[int, int], place: str, faults: Faults
) -> bool:
    differences = {
        number: size_difference((mask.shape[0], mask.shape[1]), size)
        for number, mask in masks.items()
    }
    wrong = {number: text for number, text in differences.items() if text is not None}
    for number, text in wrong.items():
        which = f"{place}, object {number}" if number else place
        faults.append((WRONG_SIZE, f"{which}: {text}"))
    return not wrong


def _note_unknown(found: list[int], video: Video, place: str, faults: Faults) -> None:
    unknown = unknown_ids(found, video.ids.values)
    if unknown:
        faults.append((EXTRA_IDS, f"{place}: {', '.join(map(str, unknown))}"))
