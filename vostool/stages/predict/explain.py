"""What post-processing changed, and why: a list per video, and a picture per changed frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vostool.core.files import write_json
from vostool.core.types import Video
from vostool.media.images import read_frame
from vostool.postprocess.sequence import Change, FrameEdit
from vostool.reporting.changes import draw_changes
from vostool.reporting.overlay import write_jpeg

NO_IMAGE = 40
"""Grey level of the ground where no data set says which image a frame has."""


def explain_video(
    folder: Path,
    video: str,
    frames: Sequence[str],
    before: Sequence[np.ndarray],
    after: Sequence[FrameEdit],
    described: Video | None,
) -> None:
    """Write `VIDEO.json` and `VIDEO/FRAME.jpg` below a folder; frames without changes have none.

    Args:
        frames: their names; `before` and `after` are of these frames.
        described: says which images they have.
    """
    entries = []
    for name, mask, edit in zip(frames, before, after, strict=True):
        entries += [_entry(name, change) for change in edit.changes]
        if np.array_equal(mask, edit.mask):
            continue
        ground = np.full((*mask.shape, 3), NO_IMAGE, np.uint8)
        if described is not None:
            image = read_frame(described.frames[described.index(name)])
            ground = image if image.shape[:2] == mask.shape else ground
        write_jpeg(folder / video / f"{name}.jpg", draw_changes(ground, mask, edit.mask))
    write_json(folder / f"{video}.json", entries)


def _entry(frame: str, change: Change) -> dict[str, str | int]:
    what = "removed" if change.pixels >= 0 else "added"
    return {
        "frame": frame,
        "object": change.object_id,
        "step": change.step,
        "what": what,
        "pixels": abs(change.pixels),
        "why": change.why,
    }
