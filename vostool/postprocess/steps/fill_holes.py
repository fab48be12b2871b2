"""Fill holes: background that one object encloses."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from vostool.postprocess.sequence import Change, MaskSequence


class Params(BaseModel):
    """Which holes are filled."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_area: int = Field(
        256, ge=0, description="Holes above this area stay (pixels); 0 fills all of them."
    )


def apply(sequence: MaskSequence, params: Params) -> MaskSequence:
    """Give 4-connected background regions that touch one object only, and not the image border,
    to that object. A hole that holds another object stays.
    """
    edits = []
    for index, edit in enumerate(sequence.frames):
        filled, changes = edit.mask, list(edit.changes)
        for object_id in sequence.free_ids(index, edit.mask):
            hole = _holes(filled, object_id, params.max_area)
            if hole.any():
                filled = np.where(hole, np.uint8(object_id), filled)
                changes.append(Change(object_id, -int(hole.sum()), "holes filled"))
        edits.append(replace(edit, mask=filled, changes=tuple(changes)))
    return replace(sequence, frames=tuple(edits))


def _holes(mask: np.ndarray, object_id: int, max_area: int) -> np.ndarray:
    """Pixels of the object's holes, bool `[H, W]`."""
    # A border of one pixel joins all that touches the image border to the true outside.
    outside = np.pad((mask != object_id).astype(np.uint8), 1, constant_values=1)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(outside, connectivity=4)
    fill = np.ones(count, bool) if max_area == 0 else stats[:, cv2.CC_STAT_AREA] <= max_area
    fill[[0, labels[0, 0]]] = False
    inner = labels[1:-1, 1:-1]
    fill[inner[(mask != 0) & (mask != object_id)]] = False
    return fill[inner]
