"""A warning before anything is run, where memory is plainly too little for a video."""

from __future__ import annotations

from collections.abc import Sequence

from vostool.core.figures import amount
from vostool.core.memory_use import available_memory
from vostool.core.types import Video
from vostool.stages.predict.frame_sizes import start_size

COPIES = 2
"""Of all objects' float32 planes at the frames' own size: a prediction and what it is merged into.

Networks need several times as much, which only `--plan` knows."""


def least_memory(video: Video) -> int:
    """Bytes that a video needs at least, beside networks and libraries; 0 if it cannot be read."""
    height, width = start_size(video) or (0, 0)
    return COPIES * 4 * (len(video.objects) + 1) * height * width


def shortage(videos: Sequence[Video]) -> str | None:
    """What to say where memory does not even hold the largest video's results; None where it may.

    Of the machine's memory, or of the container's where that is less.
    """
    needed, name = max(((least_memory(video), video.name) for video in videos), default=(0, ""))
    available = available_memory()
    if available is None or needed <= available:
        return None
    return (
        f"video {name} needs far more than {amount(needed)} of memory, {amount(available)} are "
        "available: --plan tells how much"
    )
