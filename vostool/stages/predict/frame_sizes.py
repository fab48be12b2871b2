"""At which size videos are run: what is said where large frames are made smaller by default."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from vostool.core.errors import VostoolError
from vostool.core.machine_memory import require_memory
from vostool.core.types import Video
from vostool.inference.propagation_options import PropagationOptions
from vostool.inference.sides import LARGEST_SHORT_SIDE
from vostool.media.images import frame_size

PIXEL_BYTES = 3 * 4
"""Of an image that a network sees: float32 RGB."""


def start_size(video: Video) -> tuple[int, int] | None:
    """Height and width of the frame at which a video starts, the first one with an object.

    None where there is none, or where it cannot be read, which whoever runs the video says better.
    """
    if not video.objects:
        return None
    first = min(video.index(item.first_frame) for item in video.objects)
    try:
        return frame_size(video.frames[first])
    except VostoolError:
        return None


def require_room(videos: Sequence[Video], options: PropagationOptions) -> None:
    """Refuse sizes at which one frame, as all views of one scale see it, fills the memory.

    Raises:
        UsageError: naming the first such video, the size, and how much is needed.
    """
    scales = Counter(view.scale for view in options.views)
    for video in videos:
        if (size := start_size(video)) is None:
            continue
        factor = options.sides.factor(size)
        for scale, count in scales.items():
            height, width = (round(side * factor * scale) for side in size)
            require_memory(
                count * height * width * PIXEL_BYTES,
                f"one frame of {height:,} x {width:,} pixels",
                where=video.name,
                remedy="choose a smaller --short-side or smaller scales (--tta)",
            )


def made_smaller(videos: Sequence[Video], options: PropagationOptions) -> tuple[str, ...]:
    """Names of the videos that are run at 480p because nobody said at which size."""
    if options.short_side != "auto":
        return ()
    sizes = {video.name: start_size(video) for video in videos}
    return tuple(
        name for name, size in sizes.items() if size is not None and options.sides.limits(size)
    )


def sentence(smaller: Sequence[str], videos: int) -> str:
    """What is said about `made_smaller` of so many videos."""
    which = "all videos" if len(smaller) == videos else f"{len(smaller)} of {videos} videos"
    which = smaller[0] if videos == 1 else which
    return (
        f"larger frames are run at a short side of {LARGEST_SHORT_SIDE} ({which}); masks keep the "
        "frames' own size; --short-side full runs frames as they are"
    )


def record(smaller: Sequence[str]) -> dict[str, Any]:
    """What the manifest says about `made_smaller`."""
    if not smaller:
        return {}
    return {"made_smaller": {"short_side": LARGEST_SHORT_SIDE, "videos": list(smaller)}}
