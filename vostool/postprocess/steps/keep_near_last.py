"""Keep each object near where it was last seen (CAMN, arXiv 2205.08075, post-processing).

The paper says only that components far from the last position are deleted; the rest is this
project's (`postprocess/object_track.py`).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from vostool.postprocess.object_track import ObjectTrack
from vostool.postprocess.object_track import Rules as Params
from vostool.postprocess.sequence import Change, FrameEdit, Lost, MaskSequence

__all__ = ["Params", "apply"]


def apply(sequence: MaskSequence, params: Params) -> MaskSequence:
    """Remove what is far from the object's last position; needs the frames in time order."""
    if not sequence.frames:
        return sequence
    diagonal = float(np.hypot(*sequence.frames[0].mask.shape[:2]))
    tracks = {object_id: ObjectTrack(params, diagonal) for object_id in sequence.ids}
    edits: list[FrameEdit] = []
    for index in range(len(sequence.frames)):
        edit = _filter_frame(sequence, index, tracks)
        edits.append(edit)
        for object_id, track in tracks.items():
            _advance(sequence, index, track, object_id, edit)
            if params.back_fill:
                _back_fill(edits, track, object_id)
    return replace(sequence, frames=tuple(edits))


def _filter_frame(sequence: MaskSequence, index: int, tracks: dict[int, ObjectTrack]) -> FrameEdit:
    def far(object_id: int, mask: np.ndarray) -> Lost | None:
        track = tracks.get(object_id)
        if track is None:
            return None
        judgement = track.judge(mask, partial(sequence.probability, index, object_id))
        return Lost(mask & ~judgement.kept, track.why(judgement))

    return sequence.remove(index, far)


def _advance(
    sequence: MaskSequence, index: int, track: ObjectTrack, object_id: int, edit: FrameEdit
) -> None:
    """Take a frame's final mask into the object's state."""
    mask = edit.mask == object_id
    if object_id in sequence.given[index]:
        track.restart(mask)
        return
    withheld = edit.excluded.get(object_id, np.zeros_like(mask))
    offered = mask | (withheld & (sequence.frames[index].mask == object_id))
    judgement = track.judge(offered, partial(sequence.probability, index, object_id))
    track.accept(replace(judgement, kept=mask), index)


def _back_fill(edits: list[FrameEdit], track: ObjectTrack, object_id: int) -> None:
    for index, pixels in track.believed:
        free = pixels & (edits[index].mask == 0)
        filled = np.where(free, np.uint8(object_id), edits[index].mask)
        excluded = {**edits[index].excluded}
        excluded[object_id] = excluded.get(object_id, np.zeros_like(free)) & ~free
        change = Change(object_id, -int(free.sum()), "believed later on, given back")
        edits[index] = FrameEdit(filled, excluded, (*edits[index].changes, change))
