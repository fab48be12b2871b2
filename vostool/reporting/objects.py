"""The objects of a report, worst first: scores, what changed, and a picture of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vostool.core.types import Video
from vostool.datasets.catalogue import annotation
from vostool.predictions.mask_fit import read_fitting, read_over_frame
from vostool.reporting.crops import HEIGHT, WIDTH, Crop
from vostool.reporting.differences import ALL, VideoChanges
from vostool.reporting.entry import Entry, ScoredObject, mean_score
from vostool.reporting.overlay import encode_jpeg
from vostool.reporting.pictures import Pictures
from vostool.reporting.table import Best, Cell, Column, Link, Picture, Table
from vostool.reporting.video_page import Place

Key = tuple[str, int]
"""Name of a video and id of an object."""


@dataclass(frozen=True)
class ObjectFacts:
    """What is known of an object.

    Attributes:
        video, id, category: which one.
        frames: how many count for its score.
        means: mean score per prediction, a fraction; None where unknown.
        lowest: frame in which the last prediction scores least; None without scores.
        changed: mean share that differs between the first and the last prediction, over the frames
            in which one of them has the object; None for one prediction.
        most_changed: frame in which it differs most.
        middle: frame half way from where it is given to the end; None without frames.
    """

    video: Video
    id: int
    category: str | None
    frames: int
    means: tuple[float | None, ...]
    lowest: str | None
    changed: float | None
    most_changed: str | None
    middle: str | None

    @property
    def rank(self) -> tuple[bool, float]:
        """Lowest score of the last prediction first, or largest change without scores."""
        if self.means[-1] is not None:
            return False, self.means[-1]
        return True, -(self.changed or 0.0)

    @property
    def frame(self) -> str | None:
        """The frame to look at."""
        return self.lowest or self.most_changed or self.middle


def collect_objects(
    entries: Sequence[Entry], videos: Sequence[Video], changes: Mapping[str, VideoChanges]
) -> list[ObjectFacts]:
    """All objects of all videos, worst first."""
    scored = [
        {(o.video, o.id): o for o in (entry.scores.objects if entry.scores else ())}
        for entry in entries
    ]
    keys = [(video, number) for video in videos for number in _ids(video, changes[video.name])]
    return sorted((_facts(*key, scored, changes[key[0].name]) for key in keys), key=_rank)


def _rank(facts: ObjectFacts) -> tuple[bool, float, str, int]:
    return *facts.rank, facts.video.name, facts.id


def _ids(video: Video, changes: VideoChanges) -> list[int]:
    found = {number for shares in changes.shares.values() for number in shares}
    return sorted((found | set(video.ids)) - {ALL})


def _facts(
    video: Video,
    number: int,
    scored: Sequence[Mapping[Key, ScoredObject]],
    changes: VideoChanges,
) -> ObjectFacts:
    items = [found.get((video.name, number)) for found in scored]
    last = items[-1]
    counts = last is not None and len(last.frames) > 0
    shares = changes.shares.get((0, len(scored) - 1), {}).get(number)
    known = next((item for item in video.objects if item.id == number), None)
    start = video.index(known.first_frame) if known is not None else 0
    later = [name for name in changes.frames if video.index(name) >= start]
    return ObjectFacts(
        video,
        number,
        known.category if known is not None else None,
        len(last.frames) if last is not None else 0,
        tuple(None if item is None else mean_score(item) for item in items),
        last.frames[int(np.argmin(last.per_frame))] if last is not None and counts else None,
        None if shares is None else float(np.nanmean(shares)),
        None if shares is None else changes.frames[int(np.nanargmax(shares))],
        later[len(later) // 2] if later else None,
    )


def objects_table(
    facts: Sequence[ObjectFacts],
    entries: Sequence[Entry],
    places: Mapping[str, Place],
    *,
    pictures: Mapping[Key, Picture] | None = None,
) -> Table:
    """A sortable table of objects; of one video where there are no `pictures`, not even none.

    Args:
        places: of the videos that have a page, by name.
        pictures: of objects.
    """
    scored = any(entry.scores is not None for entry in entries)
    columns = [Column("picture"), Column("video")] if pictures is not None else []
    columns += [Column("object"), Column("category")]
    if scored:
        columns += [Column("frames"), *(Column(e.label, Best.HIGHEST) for e in entries)]
        columns.append(Column("lowest frame"))
    if len(entries) > 1:
        columns += [Column("differs"), Column("differs most in")]
    rows = []
    for item in facts:
        place, key = places.get(item.video.name), (item.video.name, item.id)
        row: list[Cell] = []
        if pictures is not None:
            row += [pictures.get(key), _link(item.video.name, place, "", item.id)]
        row += [item.id, item.category]
        if scored:
            row += [item.frames, *item.means, _link(item.lowest, place, item.lowest, item.id)]
        if len(entries) > 1:
            most = item.most_changed
            row += [item.changed, _link(most, place, most, item.id)]
        rows.append(row)
    by = columns.index(Column("lowest frame")) - 1 if scored else None  # the last prediction
    table = Table(columns, rows, "row", _caption(entries, scored), sortable=True, sorted_by=by)
    table = table.without_empty("category")
    return table.without_empty("picture") if pictures is not None else table


def _caption(entries: Sequence[Entry], scored: bool) -> str:
    said = []
    first, last = entries[0], entries[-1]
    if scored and last.scores is not None:
        said.append(
            f"Mean {last.scores.per_frame_name} in per cent, lowest of {last.label} first; "
            f"the lowest frame is that of {last.label}."
        )
    if len(entries) > 1:
        said.append(
            f"Differs: share of the object's pixels that only one of {first.label} and "
            f"{last.label} has, mean over the frames, in per cent."
        )
    return " ".join(said)


def _link(text: str | None, place: Place | None, frame: str | None, number: int) -> Cell:
    if text is None or place is None:
        return text
    return Link(text, place.address(frame or "", number))


def object_pictures(
    facts: Sequence[ObjectFacts],
    entries: Sequence[Entry],
    places: Mapping[str, Place],
    pictures: Pictures,
) -> dict[Key, Picture]:
    """A crop of each object that has a frame worth looking at."""
    found: dict[Key, Picture] = {}
    for number, item in enumerate(facts):
        frame = item.frame
        if frame is None:
            continue
        source = pictures.add(f"objects/{number:05d}", encode_jpeg(_crop(item, frame, entries)))
        place = places.get(item.video.name)
        found[item.video.name, item.id] = Picture(
            source,
            f"{item.video.name}, object {item.id} in frame {frame}",
            WIDTH,
            HEIGHT,
            place.address(frame, item.id) if place is not None else "",
        )
    return found


def _crop(item: ObjectFacts, frame: str, entries: Sequence[Entry]) -> np.ndarray:
    """The last prediction against the truth, or the first one against it, or it alone."""
    image, mask = read_over_frame(entries[-1].folder, item.video, frame)
    if item.lowest is not None:
        return Crop(item.id, image, mask, annotation(item.video, frame)).draw()
    if item.most_changed is None:
        return Crop(item.id, image, mask, None).draw()
    first = read_fitting(entries[0].folder, item.video, frame, image)
    return Crop(item.id, image, first, mask).draw()
