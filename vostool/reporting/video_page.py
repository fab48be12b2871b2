"""The page of a video: where it is, and what its script needs, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import numpy as np

from vostool.core.types import Video
from vostool.media.masks import DAVIS_PALETTE
from vostool.reporting.differences import VideoChanges
from vostool.reporting.entry import Entry, ScoredObject
from vostool.reporting.label_runs import pack
from vostool.reporting.page import Viewer
from vostool.reporting.pictures import Pictures
from vostool.reporting.table import Link, Picture, Table
from vostool.reporting.video_view import VideoView

DIGITS = 4
"""Scores and shares on a page are rounded to so many."""


@dataclass(frozen=True)
class Place:
    """Where a video's page is.

    Attributes:
        anchor: its name in files and addresses.
        document: the document that holds it, as other documents name it; "" inside the same one.
        alone: whether it is a document of its own, so that its anchor need not be said.
    """

    anchor: str
    document: str
    alone: bool

    def address(self, frame: str = "", number: int = 0) -> str:
        """Address of the page, of one of its frames, with an object chosen."""
        said = {} if self.alone else {"video": self.anchor}
        said |= {"frame": frame} if frame else {}
        said |= {"object": str(number)} if number else {}
        # Names that are no text cannot be said in an address; the page shows its first frame then.
        return f"{self.document}#{urlencode(said, errors='replace')}" if said else self.document

    @property
    def inside(self) -> Place:
        """The same, as it names itself."""
        return Place(self.anchor, "", self.alone)


def video_page(
    view: VideoView,
    entries: Sequence[Entry],
    changes: VideoChanges,
    pictures: Pictures,
    place: Place,
    links: Sequence[Link],
    objects: Table | None,
) -> Viewer:
    """What a page shows of a video; its pictures are added to `pictures`.

    Args:
        links: to other pages.
        objects: its table of objects.
    """
    sources = [
        pictures.add(f"{place.anchor}/{frame.position:05d}", frame.jpeg) for frame in view.frames
    ]
    video, shown = view.video, len(view.frames)
    first = view.times[view.frames[0].position]
    count = f"{shown} of {len(view.times)} frames" if shown < len(view.times) else f"{shown} frames"
    return Viewer(
        anchor=place.anchor,
        title=video.name,
        subtitle=f"{count}, {len(video.objects)} object{'s' * (len(video.objects) != 1)}",
        links=links,
        first=Picture(sources[0], f"{video.name}, frame {first}", *view.size),
        data=viewer_data(view, entries, changes, sources),
        objects=objects,
    )


def viewer_data(
    view: VideoView, entries: Sequence[Entry], changes: VideoChanges, sources: Sequence[str]
) -> dict[str, Any]:
    """What the script draws. Times are positions in `times`; lists per frame follow `shown`.

    Keys: `name`; `times`: names of T frames; `shown`: times of F frames; `pictures`: F addresses;
    `truth`: packed runs or None; `predicted`: packed runs per entry; `entries`: labels; `objects`:
    id, name and colour; `measures`: names of scores; `scores`: per entry, id and measure T values;
    `changes`: per pair "0-1" and id (0: all) T shares that differ.
    """
    frames = view.frames
    annotated = any(frame.truth is not None for frame in frames)
    scored = [entry.objects_of(view.video.name) for entry in entries]
    measures = list(scored[0][0].shown) if scored[0] else []
    return {
        "name": view.video.name,
        "times": list(view.times),
        "shown": [frame.position for frame in frames],
        "pictures": list(sources),
        "truth": pack([frame.truth for frame in frames]) if annotated else None,
        "predicted": [pack([frame.predicted[k] for frame in frames]) for k in range(len(entries))],
        "entries": [entry.label for entry in entries],
        "objects": [_object(view.video, number) for number in _ids(view.video, changes)],
        "measures": measures,
        "scores": [
            {str(item.id): _values(item, view.times) for item in objects} for objects in scored
        ],
        "changes": {
            f"{first}-{second}": {str(number): _rounded(s) for number, s in shares.items()}
            for (first, second), shares in changes.shares.items()
        },
    }


def _ids(video: Video, changes: VideoChanges) -> list[int]:
    """Of the data set, and what predictions hold besides."""
    found = {number for shares in changes.shares.values() for number in shares}
    return sorted((found | set(video.ids)) - {0})


def _object(video: Video, number: int) -> dict[str, Any]:
    category = next((item.category for item in video.objects if item.id == number), None)
    name = f"{number} {category}" if category else str(number)
    return {"id": number, "name": name, "colour": DAVIS_PALETTE[number].tolist()}


def _values(item: ScoredObject, times: Sequence[str]) -> dict[str, list[float | None]]:
    """Scores by name, one per time; None where the frame does not count."""
    found: dict[str, list[float | None]] = {}
    for name, values in item.shown.items():
        by_frame = dict(zip(item.frames, values.tolist(), strict=True))
        found[name] = [_round(by_frame.get(time)) for time in times]
    return found


def _rounded(values: np.ndarray) -> list[float | None]:
    return [_round(value) for value in values.tolist()]


def _round(value: float | None) -> float | None:
    return None if value is None or value != value else round(value, DIGITS)
