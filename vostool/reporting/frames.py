"""Sections of a report with pictures: chosen frames of every prediction, and the worst ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np

from vostool.core.types import Video
from vostool.datasets.catalogue import annotation
from vostool.media.images import read_frame
from vostool.predictions.mask_fit import read_over_frame
from vostool.reporting.entry import Entry, ScoredObject, Scores
from vostool.reporting.overlay import OverlayStyle, write_jpeg
from vostool.reporting.page import Picture, Section, Strip

LARGEST_WIDTH = 480
"""Pictures on the page are at most so many pixels wide."""

WORST_PER_OBJECT = 2
WORST_APART = 3
"""At most two bad frames of an object are shown, at least three scored frames apart."""

TRUTH = "ground truth"


class Pictures:
    """Draws overlays into `folder/images` and gives them their addresses on the page."""

    def __init__(self, folder: Path, style: OverlayStyle | None = None):
        self._folder, self._style = folder, style or OverlayStyle()
        self._drawn: set[Path] = set()

    def predicted(
        self, entry: Entry, number: int, video: Video, frame: str, caption: str
    ) -> Picture:
        """A predicted mask over its frame."""
        image, ids = read_over_frame(entry.folder, video, frame)
        return self._write(("images", str(number), video.name, frame), image, ids, caption)

    def truth(self, video: Video, frame: str, caption: str) -> Picture | None:
        """The annotation over its frame, or None where there is none."""
        ids = annotation(video, frame)
        if ids is None:
            return None
        image = read_frame(video.frames[video.index(frame)])
        return self._write(("images", "truth", video.name, frame), image, ids, caption)

    def _write(
        self, place: tuple[str, ...], image: np.ndarray, ids: np.ndarray, caption: str
    ) -> Picture:
        scale = min(1.0, LARGEST_WIDTH / image.shape[1])
        if scale < 1:
            size = (round(image.shape[1] * scale), max(1, round(image.shape[0] * scale)))
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            ids = cv2.resize(ids, size, interpolation=cv2.INTER_NEAREST)
        relative = Path(*place[:-1]) / f"{place[-1]}.jpg"
        if relative not in self._drawn:
            self._drawn.add(relative)
            write_jpeg(self._folder / relative, self._style.draw(image, ids))
        return Picture(quote(relative.as_posix()), caption)


def frames_section(
    entries: Sequence[Entry], videos: Sequence[Video], pictures: Pictures, count: int
) -> Section:
    """Some frames of some videos, under the truth and under every prediction."""
    strips = []
    for video in videos:
        common = set.intersection(*(set(entry.folder.frames(video.name)) for entry in entries))
        chosen = spread([name for name in video.frame_names if name in common], count)
        truths = [pictures.truth(video, frame, frame) for frame in chosen]
        shown = [picture for picture in truths if picture is not None]
        if shown:
            strips.append(Strip(f"{video.name}: {TRUTH}", shown))
        for number, entry in enumerate(entries):
            scores = _frame_scores(entry.scores, video.name)
            row = [
                pictures.predicted(
                    entry, number, video, frame, _caption(frame, scores.get(frame), entry.scores)
                )
                for frame in chosen
            ]
            strips.append(Strip(f"{video.name}: {entry.label}", row))
    return Section("Frames", strips=strips)


def worst_section(
    entry: Entry, number: int, videos: Mapping[str, Video], pictures: Pictures, count: int
) -> Section:
    """The frames in which an object scores least, each beside the truth."""
    assert entry.scores is not None
    strips = []
    for item, row in worst_frames(entry.scores.objects, count):
        frame, video = item.frames[row], videos[item.video]
        caption = ", ".join(f"{name} {100 * v[row]:.1f}" for name, v in item.shown.items())
        pair = [
            pictures.predicted(entry, number, video, frame, f"{entry.label}: {caption}"),
            pictures.truth(video, frame, TRUTH),
        ]
        title = f"{item.video}, frame {frame}, object {item.id}"
        strips.append(Strip(title, [picture for picture in pair if picture is not None]))
    text = f"Of {entry.label}; at most {WORST_PER_OBJECT} frames per object."
    return Section("Worst frames", [text], strips=strips)


def worst_frames(objects: Iterable[ScoredObject], count: int) -> list[tuple[ScoredObject, int]]:
    """(object, row of its scores) of the lowest J&F, worst first, spread over objects."""
    ranked = sorted(
        (
            (float(item.per_frame[row]), item.video, item.id, row, item)
            for item in objects
            for row in range(len(item.frames))
        ),
        key=lambda entry: entry[:4],
    )
    taken: dict[tuple[str, int], list[int]] = defaultdict(list)
    chosen: list[tuple[ScoredObject, int]] = []
    for _, video, object_id, row, item in ranked:
        rows = taken[video, object_id]
        near = any(abs(row - other) < WORST_APART for other in rows)
        if len(chosen) < count and len(rows) < WORST_PER_OBJECT and not near:
            rows.append(row)
            chosen.append((item, row))
    return chosen


def spread(names: Sequence[str], count: int) -> list[str]:
    """At most `count` names, evenly spread, the first and the last among them."""
    if len(names) <= count:
        return list(names)
    return [names[index] for index in np.linspace(0, len(names) - 1, count).round().astype(int)]


def _frame_scores(scores: Scores | None, video: str) -> dict[str, float]:
    """Mean score over a video's objects, per frame."""
    found: dict[str, list[float]] = defaultdict(list)
    for item in scores.objects if scores is not None else ():
        if item.video == video:
            for frame, score in zip(item.frames, item.per_frame, strict=True):
                found[frame].append(float(score))
    return {frame: float(np.mean(values)) for frame, values in found.items()}


def _caption(frame: str, score: float | None, scores: Scores | None) -> str:
    if score is None or scores is None:
        return frame
    return f"{frame}: {scores.per_frame_name} {100 * score:.1f}"
