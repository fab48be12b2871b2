"""Which videos each of several processes does."""

from __future__ import annotations

from collections.abc import Sequence

from vostool.core.types import Video


def share(videos: Sequence[Video], rank: int, world: int) -> list[Video]:
    """The part of process `rank` of `world`, balanced by frames x objects.

    Longest first, each to the process with least to do: no process gets more than 4/3 of the best
    possible largest share (Graham, 1969). All processes come to the same division.
    """
    loads = [0] * world
    mine = []
    for video in sorted(videos, key=lambda item: (-cost(item), item.name)):
        lightest = min(range(world), key=lambda index: (loads[index], index))
        loads[lightest] += cost(video)
        if lightest == rank:
            mine.append(video)
    return sorted(mine, key=lambda item: item.name)


def cost(video: Video) -> int:
    """Work in a video, in object frames."""
    return len(video.frames) * max(1, len(video.objects))
