"""Parts of a report: scores, objects, scores over time, frames, worst frames, provenance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np

from vostool.core.types import Video
from vostool.datasets.catalogue import annotation
from vostool.media.images import read_frame
from vostool.predictions.folder import PredictionFolder
from vostool.reporting.page import Cell, Picture, Section, Strip, Table
from vostool.reporting.plot import plot_over_time
from vostool.scoring.measure import ObjectScores
from vostool.scoring.report import EvaluationReport
from vostool.stages.score.export_overlay import OverlayStyle, read_predicted, write_jpeg

LARGEST_WIDTH = 480
"""Pictures on the page are at most so many pixels wide."""

WORST_PER_OBJECT = 2
WORST_APART = 3
"""At most two bad frames of an object are shown, at least three scored frames apart."""

TRUTH = "ground truth"


@dataclass(frozen=True)
class Entry:
    """One prediction folder of a report; `scores` is None without ground truth."""

    label: str
    folder: PredictionFolder
    scores: EvaluationReport | None


class Pictures:
    """Draws overlays into `folder/images` and gives them their addresses on the page."""

    def __init__(self, folder: Path, style: OverlayStyle | None = None):
        self._folder, self._style = folder, style or OverlayStyle()

    def predicted(
        self, entry: Entry, number: int, video: Video, frame: str, caption: str
    ) -> Picture:
        """A predicted mask over its frame."""
        image, ids = read_predicted(entry.folder, video, frame)
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
        if not (self._folder / relative).exists():
            write_jpeg(self._folder / relative, self._style.draw(image, ids))
        return Picture(quote(relative.as_posix()), caption)


def scores_section(entries: Sequence[Entry]) -> Section:
    """All predictions side by side."""
    scored = [(entry.label, entry.scores) for entry in entries if entry.scores is not None]
    columns = list(scored[0][1].summary.figures)
    rows = [[label, *(scores.figures.get(name) for name in columns)] for label, scores in scored]
    notes = dict.fromkeys(note for _, scores in scored for note in scores.summary.notes)
    objects = scored[0][1].objects
    caption = (
        f"Per cent, means over {len(objects)} objects in {len({o.video for o in objects})} videos."
    )
    table = Table(["prediction", *columns], rows, best="column", caption=caption)
    return Section("Scores", [f"Note: {note}." for note in notes], [table])


def objects_section(entries: Sequence[Entry]) -> Section:
    """J&F of every object under every prediction."""
    scored = [(entry.label, entry.scores) for entry in entries if entry.scores is not None]
    means = [
        {(item.video, item.id): _mean_jf(item) for item in scores.objects} for _, scores in scored
    ]
    rows: list[list[Cell]] = [
        [
            item.video,
            item.id,
            item.category,
            len(item.frames),
            *(mean.get((item.video, item.id)) for mean in means),
        ]
        for item in scored[0][1].objects
    ]
    columns = ["video", "object", "category", "frames", *(label for label, _ in scored)]
    return Section("Objects", tables=[Table(columns, rows, "row", "Mean J&F in per cent.")])


def time_section(entries: Sequence[Entry], videos: Sequence[str]) -> Section:
    """J&F against the time since the mask was given, over all objects and for some videos."""
    scored = [(entry.label, entry.scores.objects) for entry in entries if entry.scores is not None]
    overall = {label: _by_position(objects) for label, objects in scored}
    plots = [plot_over_time(overall, ylabel="J&F", title="all objects, from their first scored on")]
    for name in videos:
        series = {
            label: _by_position([item for item in objects if item.video == name])
            for label, objects in scored
        }
        if any(series.values()):
            plots.append(plot_over_time(series, ylabel="J&F", title=name))
    return Section("Scores over time", plots=plots)


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
                pictures.predicted(entry, number, video, frame, _caption(frame, scores.get(frame)))
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


def provenance_section(entries: Sequence[Entry]) -> Section:
    """Where each prediction comes from."""
    rows: list[list[Cell]] = [
        [entry.label, str(entry.folder.root), *_made_by(entry.folder.manifest or {})]
        for entry in entries
    ]
    return Section("Provenance", tables=[Table(["prediction", "folder", "command", "how"], rows)])


def worst_frames(objects: Iterable[ObjectScores], count: int) -> list[tuple[ObjectScores, int]]:
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
    chosen: list[tuple[ObjectScores, int]] = []
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


def _mean_jf(item: ObjectScores) -> float | None:
    return float(np.mean(item.per_frame)) if len(item.frames) else None


def _by_position(objects: Sequence[ObjectScores]) -> list[float | None]:
    """Mean J&F over the objects that have a k-th scored frame, for each k."""
    longest = max((len(item.frames) for item in objects), default=0)
    curves = [item.per_frame for item in objects]
    return [
        float(np.mean([curve[position] for curve in curves if len(curve) > position]))
        for position in range(longest)
    ]


def _frame_scores(scores: EvaluationReport | None, video: str) -> dict[str, float]:
    """Mean J&F over a video's objects, per frame."""
    found: dict[str, list[float]] = defaultdict(list)
    for item in scores.objects if scores is not None else ():
        if item.video == video:
            for frame, score in zip(item.frames, item.per_frame, strict=True):
                found[frame].append(float(score))
    return {frame: float(np.mean(values)) for frame, values in found.items()}


def _caption(frame: str, score: float | None) -> str:
    return frame if score is None else f"{frame}: J&F {100 * score:.1f}"


def _made_by(manifest: Mapping[str, Any]) -> tuple[str, str]:
    """Command and the settings worth knowing, from a run's manifest."""
    settings = manifest.get("settings")
    settings = settings if isinstance(settings, dict) else {}
    told = []
    for item in manifest.get("checkpoints") or []:
        recipe = item.get("recipe") if isinstance(item, dict) else None
        told.append(str(recipe.get("name")) if isinstance(recipe, dict) else "?")
    for name in ("memory", "tta", "feedback", "method", "steps"):
        value = settings.get(name)
        if name == "steps" and isinstance(value, list):
            value = [step.get("name") for step in value if isinstance(step, dict)]
        if value is not None:
            shown = " + ".join(map(str, value)) if isinstance(value, list) else str(value)
            told.append(f"{name} {shown}")
    return str(manifest.get("command", "unknown")), ", ".join(told)
