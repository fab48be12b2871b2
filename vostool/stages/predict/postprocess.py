"""`vostool postprocess`: filters over the masks of a prediction folder, into another folder."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from vostool.core.console import progress
from vostool.core.cores import available_cores
from vostool.core.errors import DataError
from vostool.core.output import Output
from vostool.core.threads import ordered_map
from vostool.core.types import MaskEncoding, ObjectIds, Video
from vostool.datasets.selection import Selection
from vostool.postprocess.chain import Step, parse_steps
from vostool.postprocess.sequence import FrameEdit, MaskSequence
from vostool.predictions.comparison import refuse_unknown
from vostool.predictions.folder import PredictionFolder
from vostool.predictions.lineage import parent_record
from vostool.predictions.manifest import video_entries
from vostool.predictions.origin import read_origin, recorded_root
from vostool.predictions.run import Planned, PredictionRun
from vostool.stages.predict.explain import explain_video

log = logging.getLogger(__name__)

MOST_THREADS = 4
"""Videos in work at a time; each holds its masks in memory."""


@dataclass(frozen=True)
class PostprocessResult:
    """What was done.

    Attributes:
        folder: the new prediction folder.
        videos: number of videos written, those skipped by `resume` left out.
        changed_pixels: pixels whose label changed, over all frames written.
        pixels: pixels of all frames written.
    """

    folder: Path
    videos: int
    changed_pixels: int
    pixels: int

    @property
    def changed_fraction(self) -> float:
        """Share of pixels that changed, 0 to 1."""
        return self.changed_pixels / max(self.pixels, 1)


def postprocess(
    predictions: Path,
    steps: Sequence[str],
    output: Output,
    *,
    settings: Sequence[str] = (),
    selection: Selection | None = None,
    explain: Output | None = None,
    videos: Sequence[str] = (),
) -> PostprocessResult:
    """Run steps over every video of a prediction folder and write the masks into `output`.

    Probabilities, where the folder has them, decide what becomes of removed pixels; they are not
    copied, because they would contradict the new masks.

    Args:
        steps: names of modules of `vostool.postprocess`, in the order in which they run; with
            none, the masks are copied.
        settings: parameters, such as "drop-small.min-area=64".
        selection: says in which frames masks are given; those are never changed. Without it the
            first frame with an object is taken as given, per video.
        explain: folder for `VIDEO.json`, what each step changed in which frame and why, and
            `VIDEO/FRAME.jpg` of every changed frame: the new mask, and stripes where pixels went;
            over the frame's image, where the selection says which that is.
        videos: names of those to filter; by default all.

    Raises:
        UsageError: unknown step or parameter; overlapping folders; resuming with other steps.
        DataError: bad masks; predictions that a run has not finished; videos or frames that the
            data set does not have.
        OutputError: `output` is not empty and neither to be resumed nor overwritten.
    """
    plan, source = parse_steps(steps, settings), PredictionFolder(predictions, videos)
    source.require_finished()
    described, read = None, []
    if selection is not None:
        described = _described(source, selection)
        read = selection.inputs(described.values())
    with ExitStack() as owned:
        owned.enter_context(output.owned([source.root, *read]))
        run = PredictionRun(
            output,
            _about(source, selection, output.path),
            _comparable(source, plan, selection),
            {name: _planned(source, name, described) for name in source.videos()},
            inputs=[source.root, *read],
        )
        if described is None:
            log.warning(
                "no --dataset is given or known: the first frame with an object is taken as the "
                "given one, and objects that come later are not protected where they start"
            )
        where = None
        if explain is not None:  # it may lie in the output
            owned.enter_context(explain.owned([source.root, *read]))
            where = explain.claim_folder([source.root, *read])
        counts = _run_all(_Task(source, plan, run, described, where))
    changed, pixels = (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0)
    return PostprocessResult(output.path, len(counts), changed, pixels)


def _run_all(task: _Task) -> list[tuple[int, int]]:
    """Do what is to be done, several videos at a time; stops at the first error."""
    names, counts = task.prediction_run.todo, []
    threads = min(MOST_THREADS, available_cores())
    with progress("post-processing", len(names), "videos") as bar:
        for name, done in zip(names, ordered_map(task.run, names, threads=threads), strict=True):
            counts.append(done[:2])
            task.prediction_run.finish(name, done[2])
            bar.advance(note=name)
    return counts


@dataclass(frozen=True)
class _Task:
    source: PredictionFolder
    steps: list[Step]
    prediction_run: PredictionRun
    described: dict[str, Video] | None
    explain: Path | None = None

    def run(self, video: str) -> tuple[int, int, float]:
        """Filter and write one video; returns (changed pixels, pixels, seconds)."""
        start = time.monotonic()
        self.prediction_run.begin(video)
        described = None if self.described is None else self.described[video]
        frames = _in_order(self.source.frames(video), described)
        sequence = _read(self.source, video, frames, described)
        before = sequence.masks
        for step in self.steps:
            sequence = step(sequence)
        for frame, mask in zip(frames, sequence.masks, strict=True):
            self.prediction_run.writer.write_mask(video, frame, mask)
        if self.explain is not None:
            explain_video(self.explain, video, frames, before, sequence.frames, described)
        changed = sum(int((a != b).sum()) for a, b in zip(before, sequence.masks, strict=True))
        return changed, sum(mask.size for mask in before), time.monotonic() - start


def _read(
    source: PredictionFolder, video: str, frames: tuple[str, ...], described: Video | None
) -> MaskSequence:
    encoding = MaskEncoding.INDEXED if described is None else described.encoding
    masks = [source.mask(video, frame, encoding) for frame in frames]
    if described is not None:
        ids = described.ids
        given = [frozenset(item.id for item in described.new_objects(frame)) for frame in frames]
    else:
        ids = ObjectIds.of(value for mask in masks for value in np.unique(mask) if value)
        given = _first_is_given(masks)

    @lru_cache(maxsize=1)
    def planes(index: int) -> tuple[np.ndarray, ObjectIds] | None:
        path = source.probabilities_path(video, frames[index])
        if not path.is_file():
            return None
        read, ids = source.probabilities(video, frames[index])
        if read.shape[1:] != masks[index].shape:
            raise DataError(
                f"probabilities are {read.shape[1:]} but the mask is {masks[index].shape}",
                where=path,
                remedy="make both in one run of vostool infer or ensemble",
            )
        return read, ids

    return MaskSequence(tuple(map(FrameEdit, masks)), ids, tuple(given), planes)


def _first_is_given(masks: list[np.ndarray]) -> list[frozenset[int]]:
    given: list[frozenset[int]] = [frozenset()] * len(masks)
    for index, mask in enumerate(masks):
        if mask.any():
            given[index] = frozenset(int(value) for value in np.unique(mask) if value)
            break
    return given


def _in_order(frames: tuple[str, ...], described: Video | None) -> tuple[str, ...]:
    return frames if described is None else tuple(sorted(frames, key=described.index))


def _described(source: PredictionFolder, selection: Selection) -> dict[str, Video]:
    """The data set's videos by name, after checking that they cover the predictions."""
    videos = selection.whole().load()
    refuse_unknown(source, videos, str(selection))
    return {video.name: video for video in videos}


def _planned(source: PredictionFolder, name: str, described: dict[str, Video] | None) -> Planned:
    entry = video_entries(source.manifest).get(name, {})
    listed = entry.get("ids") if isinstance(entry.get("ids"), list) else []
    ids = ObjectIds.of(listed or []) if described is None else described[name].ids
    return Planned(source.frames(name), ids)


def _about(source: PredictionFolder, selection: Selection | None, out: Path) -> dict[str, Any]:
    """What the manifest says besides the settings: where the masks come from."""
    about: dict[str, Any] = {"command": "postprocess", "parents": [parent_record(source, out)]}
    if selection is not None:
        return about | selection.record | {"root": recorded_root(selection.root, out)}
    origin = read_origin(source.root)
    return about if origin is None else about | origin.record(out)


def _comparable(
    source: PredictionFolder, steps: list[Step], selection: Selection | None
) -> dict[str, Any]:
    """Everything that changes results."""
    return {
        "predictions": str(source.root),
        "steps": [{"name": step.name, "params": step.params.model_dump()} for step in steps],
        "dataset": None if selection is None else [selection.dataset, selection.split],
    }
