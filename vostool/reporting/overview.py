"""Sections of a report's overview that lead to the pages of videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from vostool.core.types import Video
from vostool.predictions.mask_fit import read_over_frame
from vostool.reporting.differences import ALL, VideoChanges, largest_changes
from vostool.reporting.entry import Entry
from vostool.reporting.objects import Key, ObjectFacts, objects_table
from vostool.reporting.overlay import contour_width, draw_overlay, encode_jpeg
from vostool.reporting.page import Card, Section
from vostool.reporting.pictures import Pictures
from vostool.reporting.table import Best, Cell, Column, Link, Picture, Table
from vostool.reporting.video_page import Place
from vostool.reporting.video_view import fit, shown_size

CARD_WIDTH = 400
LISTED = 20
"""Largest changes that are listed."""


def videos_section(
    ranked: Sequence[Video],
    facts: Sequence[ObjectFacts],
    entries: Sequence[Entry],
    changes: Mapping[str, VideoChanges],
    places: Mapping[str, Place],
    pictures: Pictures,
) -> Section:
    """A card per video with a page, and a table of all videos, in the order given."""
    cards = [
        _card(video, facts, entries, changes[video.name], places[video.name], pictures)
        for video in ranked
        if video.name in places
    ]
    scored = any(entry.scores is not None for entry in entries)
    columns = [Column("video"), Column("objects"), Column("frames")]
    columns += [Column(entry.label, Best.HIGHEST) for entry in entries] if scored else []
    columns += [Column("differs")] if len(entries) > 1 else []
    rows: list[list[Cell]] = []
    for video in ranked:
        place, of_video = places.get(video.name), changes[video.name]
        name = Link(video.name, place.address()) if place is not None else video.name
        count = sum(item.video is video for item in facts)
        row: list[Cell] = [name, count, len(of_video.frames)]
        row += _means(facts, video, len(entries)) if scored else []
        row += [_changed(of_video, len(entries))] if len(entries) > 1 else []
        rows.append(row)
    said = ["Scores are means over the objects, in per cent."] if scored else []
    if len(entries) > 1:
        pair = f"{entries[0].label} and {entries[-1].label}"
        said.append(f"Differs: share of all objects' pixels with another label in {pair}.")
    table = Table(columns, rows, "row", " ".join(said), sortable=True)
    pages = f"{len(places)} of {len(ranked)} videos have a page, the lowest scores first."
    return Section("Videos", [pages] if 0 < len(places) < len(ranked) else [], cards, [table])


def video_rank(facts: Sequence[ObjectFacts], video: Video) -> tuple[bool, float, str]:
    """Lowest mean score first; without scores the largest change."""
    ranks = [item.rank for item in facts if item.video is video]
    if not ranks:
        return True, 0.0, video.name
    unscored = all(rank[0] for rank in ranks)
    values = [value for without, value in ranks if without == unscored]
    return unscored, float(np.mean(values)), video.name


def objects_section(
    facts: Sequence[ObjectFacts],
    entries: Sequence[Entry],
    places: Mapping[str, Place],
    pictures: Mapping[Key, Picture],
) -> Section:
    """All objects, worst first."""
    scored = any(entry.scores is not None for entry in entries)
    first, last = entries[0].label, entries[-1].label
    if scored:
        text = (
            "In the pictures, orange is false positive and blue is false negative; the white line "
            "is the contour of the truth."
        )
    elif len(entries) > 1:
        text = (
            f"In the pictures, orange is what only {first} has, blue is what only {last} has; the "
            f"white line is the contour of {last}."
        )
    else:
        text = f"In the pictures, the white line is the contour of {last}."
    table = objects_table(facts, entries, places, pictures=pictures)
    return Section("Objects", [text] if pictures else [], tables=[table])


def changes_section(
    entries: Sequence[Entry],
    changes: Mapping[str, VideoChanges],
    places: Mapping[str, Place],
) -> Section:
    """What changed between each prediction and the last one, with or without ground truth."""
    last = len(entries) - 1
    text, tables = [], []
    for first in range(last):
        name = f"{entries[first].label} against {entries[last].label}"
        text.append(f"{name}: {_summary(changes, (first, last))}")
        rows: list[list[Cell]] = []
        for item in largest_changes(changes, (first, last), LISTED):
            place = places.get(item.video)
            target = place.address(item.frame, item.id) if place is not None else ""
            frame = Link(item.frame, f"{target}&view=changes") if target else item.frame
            rows.append([item.video, frame, item.id, item.share])
        columns = [Column("video"), Column("frame"), Column("object"), Column("differs")]
        caption = f"Largest changes, {name}: per cent of the pixels that one of them has."
        if rows:
            tables.append(Table(columns, rows, caption=caption, sortable=True))
    return Section("What changed", text, tables=tables)


def _summary(changes: Mapping[str, VideoChanges], pair: tuple[int, int]) -> str:
    """One sentence on a pair over all videos."""
    of_objects = [
        float(np.nanmean(shares))
        for of_video in changes.values()
        for number, shares in of_video.shares[pair].items()
        if number != ALL
    ]
    frames = sum(len(of_video.frames) for of_video in changes.values())
    changed = sum(
        int(np.count_nonzero(np.nan_to_num(of_video.shares[pair][ALL])))
        for of_video in changes.values()
        if ALL in of_video.shares[pair]
    )
    mean = float(np.mean(of_objects)) if of_objects else 0.0
    return (
        f"{100 * mean:.1f} % of an object's pixels differ on average; {changed} of {frames} "
        "frames differ at all."
    )


def _card(
    video: Video,
    facts: Sequence[ObjectFacts],
    entries: Sequence[Entry],
    changes: VideoChanges,
    place: Place,
    pictures: Pictures,
) -> Card:
    mine = [item for item in facts if item.video is video]
    middle = changes.frames[len(changes.frames) // 2]
    frame = next((item.frame for item in mine if item.frame), middle)
    image, ids = read_over_frame(entries[-1].folder, video, frame)
    size = shown_size((image.shape[0], image.shape[1]), CARD_WIDTH)
    small = fit(image, size, cv2.INTER_AREA)
    drawn = draw_overlay(small, fit(ids, size, cv2.INTER_NEAREST), contour=contour_width(small))
    source = pictures.add(f"{place.anchor}/99999", encode_jpeg(drawn, 85))
    said = f"{video.name}, frame {frame}, masks of {entries[-1].label}"
    lines = [
        f"{entry.label}: {100 * mean:.1f}"
        for entry, mean in zip(entries, _means(facts, video, len(entries)), strict=True)
        if mean is not None
    ]
    changed = _changed(changes, len(entries))
    if not lines and changed is not None:
        lines = [f"{100 * changed:.1f} % differ"]
    return Card(Picture(source, said, *size, place.address(frame)), video.name, lines)


def _means(facts: Sequence[ObjectFacts], video: Video, count: int) -> list[float | None]:
    """Mean score over the objects of a video, for each of `count` predictions."""
    rows = [item.means for item in facts if item.video is video]
    columns = [[mean for row in rows if (mean := row[k]) is not None] for k in range(count)]
    return [float(np.mean(column)) if column else None for column in columns]


def _changed(changes: VideoChanges, count: int) -> float | None:
    """Mean share of all objects' pixels that differs between the first and the last."""
    shares = changes.shares.get((0, count - 1), {}).get(ALL)
    return None if shares is None else float(np.nanmean(shares))
