"""How two predictions of the same frames differ, object by object, without ground truth.

The share that differs, of an object in a frame: the pixels that one of two masks has and the other
has not, over the pixels that at least one of them has. It is 1 - J of one against the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from vostool.core.threads import ordered_map
from vostool.core.types import Video
from vostool.predictions.mask_fit import read_of_size
from vostool.reporting.entry import Entry

ALL = 0
"""Stands for all objects together: pixels whose label differs, over pixels that have a label."""

PER_OBJECT, APART = 4, 3
"""At most so many frames of an object are listed as changed, at least so many frames apart."""

Pair = tuple[int, int]
"""Positions of two predictions, the first one lower."""


@dataclass(frozen=True)
class VideoChanges:
    """How predictions of one video differ.

    Attributes:
        frames: names of the T frames that all predictions have, in time order.
        shares: per pair and object id (or `ALL`), float64 `[T]`; NaN where neither has the object.
    """

    frames: tuple[str, ...]
    shares: Mapping[Pair, Mapping[int, np.ndarray]]


@dataclass(frozen=True)
class Change:
    """One object of a frame that differs.

    Attributes:
        video, frame, id: where.
        share: of its pixels, see the module.
    """

    video: str
    frame: str
    id: int
    share: float


def differing_shares(first: np.ndarray, second: np.ndarray) -> dict[int, float]:
    """Share that differs per id that one of them holds, and of `ALL`; empty masks have none.

    Args:
        first, second: uint8 ids `[H, W]`.
    """
    joint = np.bincount((first.astype(np.uint16) << 8 | second).ravel(), minlength=1 << 16).reshape(
        256, 256
    )
    of_first, of_second, both = joint.sum(axis=1), joint.sum(axis=0), joint.diagonal()
    union = of_first + of_second - both
    found = {int(i): 1 - float(both[i] / union[i]) for i in np.flatnonzero(union) if i}
    labelled = int(joint.sum() - joint[0, 0])
    if labelled:
        found[ALL] = 1 - float(both[1:].sum() / labelled)
    return found


def common_frames(entries: Sequence[Entry], video: Video) -> tuple[str, ...]:
    """Names of the frames that all predictions have, in time order."""
    common = set.intersection(*(set(entry.folder.frames(video.name)) for entry in entries))
    return tuple(name for name in video.frame_names if name in common)


def compare_entries(
    entries: Sequence[Entry], videos: Sequence[Video]
) -> Iterator[tuple[Video, VideoChanges]]:
    """Compare all pairs of predictions in every frame, at full size, video by video.

    Raises:
        DataError: masks of a frame cannot be read, or differ in size.
    """
    pairs = list(combinations(range(len(entries)), 2))

    def compared(place: tuple[Video, str]) -> list[dict[int, float]]:
        masks = _masks(entries, *place)
        return [differing_shares(masks[a], masks[b]) for a, b in pairs]

    frames = {video.name: common_frames(entries, video) for video in videos}
    places = [(video, frame) for video in videos for frame in frames[video.name]]
    found = ordered_map(compared, places if pairs else [], name="compare")
    for video in videos:
        rows = [next(found) for _ in frames[video.name]] if pairs else []
        shares = {pair: _columns([row[k] for row in rows]) for k, pair in enumerate(pairs)}
        yield video, VideoChanges(frames[video.name], shares)


def largest_changes(changes: Mapping[str, VideoChanges], pair: Pair, count: int) -> list[Change]:
    """Frames in which an object differs most, largest share first, spread over objects and time."""
    ranked = sorted(
        (-share, video, number, row)
        for video, of_video in changes.items()
        for number, shares in of_video.shares[pair].items()
        for row, share in enumerate(shares.tolist())
        if number != ALL and share > 0
    )
    taken: dict[tuple[str, int], list[int]] = {}
    chosen: list[Change] = []
    for negative, video, number, row in ranked:
        rows = taken.setdefault((video, number), [])
        near = any(abs(row - other) < APART for other in rows)
        if len(chosen) < count and len(rows) < PER_OBJECT and not near:
            rows.append(row)
            chosen.append(Change(video, changes[video].frames[row], number, -negative))
    return chosen


def _masks(entries: Sequence[Entry], video: Video, frame: str) -> list[np.ndarray]:
    first = entries[0].folder.mask(video.name, frame, video.encoding)
    size = first.shape[0], first.shape[1]
    return [first] + [read_of_size(entry.folder, video, frame, size) for entry in entries[1:]]


def _columns(rows: Sequence[Mapping[int, float]]) -> dict[int, np.ndarray]:
    """One array per id of what was found frame by frame."""
    ids = sorted(set().union(*rows)) if rows else []
    return {i: np.array([row.get(i, np.nan) for row in rows]) for i in ids}
