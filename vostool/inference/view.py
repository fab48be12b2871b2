"""Which views of a video there are (test-time augmentation), as a user writes them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

LARGEST_SCALE = 8.0
USAGE = "write flip, scales such as 0.75,1.0, both (flip,0.75,1.0) or none"


@dataclass(frozen=True)
class View:
    """One way of looking at the video."""

    scale: float = 1.0
    flip: bool = False


def parse_views(text: str) -> tuple[View, ...]:
    """The product of {plain, flip} and the scales; `none` is the plain view.

    Raises:
        ValueError: anything but `none`, or `flip` once and different scales above 0.
    """
    words = [word.strip().lower() for word in text.split(",")]
    if words == ["none"]:
        return (View(),)
    flips = [word for word in words if word == "flip"]
    scales = [_parse_scale(word) for word in words if word != "flip"]
    if len(flips) > 1 or len(set(scales)) < len(scales):
        raise ValueError(f"{text!r} names a view twice: {USAGE}")
    mirrored = (False, True) if flips else (False,)
    return tuple(View(scale, flip) for scale in scales or [1.0] for flip in mirrored)


def _parse_scale(word: str) -> float:
    try:
        scale = float(word)
    except ValueError:
        scale = math.nan
    if not 0 < scale <= LARGEST_SCALE:
        raise ValueError(f"{word!r} is neither flip nor a scale in (0, {LARGEST_SCALE:g}]: {USAGE}")
    return scale


def write_views(views: Iterable[View]) -> str | None:
    """The text that stands for different views, None if they are no such product.

    Raises:
        ValueError: none, or one twice.
    """
    views = tuple(views)
    if not views or len(set(views)) < len(views):
        raise ValueError("views must be there, and different")
    scales = list(dict.fromkeys(view.scale for view in views))
    flips = ["flip"] if any(view.flip for view in views) else []
    text = ",".join([*flips, *map(str, scales)])
    if views == (View(),):
        return "none"
    return text if set(parse_views(text)) == set(views) else None
