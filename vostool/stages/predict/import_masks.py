"""`vostool import`: masks of any tool become a prediction folder; the input stays as it is."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from rich import box
from rich.table import Table

from vostool.core.console import progress
from vostool.core.errors import DataError
from vostool.core.listing import some
from vostool.core.output import Output
from vostool.core.types import ObjectIds, Video
from vostool.datasets.frame_names import by_number, frame_number
from vostool.datasets.selection import Selection
from vostool.media.images import frame_size
from vostool.predictions.foreign.layouts import ForeignFrame, foreign_videos
from vostool.predictions.foreign.rle_json import rle_videos
from vostool.predictions.foreign.values import look, meaning, to_ids
from vostool.predictions.origin import recorded_root
from vostool.predictions.run import Planned, PredictionRun

RENAMED = "frames are named as the data set does"
PADDED = "frame numbers are filled up to five digits"
RESIZED = "masks have the frame's size, by nearest neighbour"
DROPPED_VIDEOS = "videos that the data set does not have are left out"
DROPPED_FRAMES = "frames that the data set does not have are left out"
EXTRA_VIDEOS = "videos that the data set does not have (--drop-extra leaves them out)"
EXTRA_FRAMES = "frames that the data set does not have (--drop-extra leaves them out)"
MISSING_VIDEOS, MISSING_FRAMES = "videos without masks", "frames without a mask"
DIGITS = 5


@dataclass
class ImportResult:
    """What was done.

    Attributes:
        folder: the prediction folder.
        masks: masks written.
        done: per kind of change, the masks (or videos) concerned.
        faults: per kind of what could not be repaired, likewise; nothing is written of these.
    """

    folder: Path
    masks: int = 0
    done: dict[str, list[str]] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=dict)

    def table(self) -> Table:
        """One row per kind."""
        table = Table(box=box.SIMPLE_HEAD)
        table.add_column("what")
        table.add_column("count", justify="right")
        table.add_column("where")
        for what, places in self.done.items():
            table.add_row(what, str(len(places)), some(places, 2))
        for what, places in self.faults.items():
            table.add_row(f"not repaired: {what}", str(len(places)), some(places, 2))
        return table


def import_masks(
    source: Path, output: Output, selection: Selection | None = None, *, drop_extra: bool = False
) -> ImportResult:
    """Read another tool's masks, repair what can be repaired, write a prediction folder.

    Args:
        source: see `predictions.foreign.layouts`; or a JSON file, see `rle_json` there.
        selection: the videos that they are of: says ids, names and sizes of frames.
        drop_extra: leave out what the data set lacks, instead of calling it a fault.

    Raises:
        UsageError: the output overlaps the input or the data set.
        DataError: no masks; the data set cannot be read; none of the masks can be used.
        OutputError: the output is not empty and is not to be overwritten.
    """
    result, found = ImportResult(output.path), _read(Path(source))
    described = None if selection is None else {video.name: video for video in selection.load()}
    plan = dict(_matched(found, described, result, drop_extra))
    if not plan:
        raise DataError(
            f"no video of {source} is one of the data set: {some(list(found))}",
            where=str(selection),
            remedy="name folders as the data set names its videos, or check --dataset and --split",
        )
    about: dict[str, object] = {"command": "import", "parents": [{"path": str(source)}]}
    if selection is not None:
        about |= selection.record | {"root": recorded_root(selection.root, output.path)}
    inputs = [source, *([] if selection is None else [selection.root])]
    with output.owned(inputs):
        run = PredictionRun(
            output,
            about,
            {"source": str(source), "drop_extra": drop_extra},
            {
                name: Planned(
                    tuple(frames), ObjectIds(()) if described is None else described[name].ids
                )
                for name, frames in plan.items()
            },
            inputs=inputs,
        )
        with progress("importing", len(plan), "videos") as bar:
            for name, frames in plan.items():
                _import_video(run, name, frames, described[name] if described else None, result)
                bar.advance(note=name)
        return result


def _read(source: Path) -> dict[str, dict[str, ForeignFrame]]:
    return rle_videos(source) if source.suffix == ".json" else foreign_videos(source)


def _import_video(
    run: PredictionRun,
    name: str,
    frames: Mapping[str, ForeignFrame],
    video: Video | None,
    result: ImportResult,
) -> None:
    start, looks = time.monotonic(), {}
    run.begin(name)
    for frame, foreign in frames.items():
        try:
            looks[frame] = look(foreign)
        except DataError as error:
            result.faults.setdefault(error.what, []).append(f"{name}/{frame}")
    what = meaning(looks.values(), () if video is None else video.ids.values)
    for frame, each in looks.items():
        try:
            ids, done = to_ids(each, what)
        except DataError as error:
            result.faults.setdefault(error.what, []).append(f"{name}/{frame}")
            continue
        if video is not None:
            size = frame_size(video.frames[video.index(frame)])
            if ids.shape != size:
                ids, done = _resized(ids, size), (*done, RESIZED)
        for kind in done:
            result.done.setdefault(kind, []).append(f"{name}/{frame}")
        run.writer.write_mask(name, frame, ids)
        result.masks += 1
    run.finish(name, time.monotonic() - start)


def _resized(ids: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return cv2.resize(ids, (size[1], size[0]), interpolation=cv2.INTER_NEAREST_EXACT)


def _matched(
    found: Mapping[str, dict[str, ForeignFrame]],
    described: Mapping[str, Video] | None,
    result: ImportResult,
    drop_extra: bool,
) -> Iterator[tuple[str, dict[str, ForeignFrame]]]:
    """Videos and frames under the names that they are to have."""
    if described is None:
        for name, frames in found.items():
            yield name, _padded(name, frames, result)
        return
    kinds = (result.done, DROPPED_VIDEOS) if drop_extra else (result.faults, EXTRA_VIDEOS)
    for name in found:
        if name not in described:
            kinds[0].setdefault(kinds[1], []).append(name)
    for name, video in described.items():
        if name in found:
            yield name, _renamed(video, found[name], result, drop_extra)
        else:
            result.faults.setdefault(MISSING_VIDEOS, []).append(name)


def _padded(
    name: str, frames: Mapping[str, ForeignFrame], result: ImportResult
) -> dict[str, ForeignFrame]:
    """`0` becomes `00000`, so that frames sort in time."""
    if not all(frame.isdecimal() for frame in frames):
        return dict(frames)
    width = max(DIGITS, *map(len, frames))
    new = {frame.zfill(width): foreign for frame, foreign in frames.items()}
    changed = [f"{name}/{frame}" for frame in frames if frame.zfill(width) != frame]
    if changed:
        result.done.setdefault(PADDED, []).extend(changed)
    return dict(sorted(new.items()))


def _renamed(
    video: Video, frames: Mapping[str, ForeignFrame], result: ImportResult, drop_extra: bool
) -> dict[str, ForeignFrame]:
    """Frames by the data set's names: the same, or else the same number at the end."""
    described, numbers = by_number(video.frame_names), by_number(tuple(frames))
    new: dict[str, ForeignFrame] = {}
    for number, frame in [(frame_number(frame), frame) for frame in frames]:
        meant = frame if frame in video.frame_names else described.get(number)
        if meant is not None and meant != frame and numbers.get(number) != frame:
            meant = None
        place = f"{video.name}/{frame}"
        if meant is None or (meant != frame and meant in frames):
            kind, text = (
                (result.done, DROPPED_FRAMES) if drop_extra else (result.faults, EXTRA_FRAMES)
            )
            kind.setdefault(text, []).append(place)
            continue
        if meant != frame:
            result.done.setdefault(RENAMED, []).append(place)
        new[meant] = frames[frame]
    missing = [f"{video.name}/{frame}" for frame in video.output_frames if frame not in new]
    if missing:
        result.faults.setdefault(MISSING_FRAMES, []).extend(missing)
    return new
