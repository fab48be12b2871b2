"""`vostool postprocess`: filters over the masks of a prediction folder, into another folder."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from vostool.core.console import Console
from vostool.core.errors import DataError, UsageError
from vostool.core.files import claim_output_folder
from vostool.core.types import ObjectIds, Video
from vostool.datasets._catalogue import load_videos
from vostool.postprocess._sequence import FrameEdit, MaskSequence
from vostool.postprocess._steps import Step, parse_steps
from vostool.predictions.folder import PredictionFolder, PredictionWriter
from vostool.predictions.manifest import (
    FINISHED,
    read_manifest,
    remove_manifest,
    versions,
    write_manifest,
)

MOST_WORKERS = 4
"""Videos in work at a time; each holds its masks in memory."""


@dataclass(frozen=True)
class DatasetChoice:
    """Where the given masks are described."""

    name: str
    root: Path
    split: str

    @classmethod
    def of(cls, name: str | None, root: Path | None, split: str | None) -> DatasetChoice | None:
        """All three or none of them.

        Raises:
            UsageError: only some are given.
        """
        if name is None and root is None and split is None:
            return None
        if name is None or root is None or split is None:
            raise UsageError(
                "--dataset, --root and --split belong together", remedy="give all three or none"
            )
        return cls(name, root, split)


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
    out: Path,
    *,
    settings: Sequence[str] = (),
    dataset: DatasetChoice | None = None,
    resume: bool = False,
    overwrite: bool = False,
    console: Console | None = None,
) -> PostprocessResult:
    """Run steps over every video of a prediction folder and write the masks into `out`.

    Probabilities, where the folder has them, decide what becomes of removed pixels; they are not
    copied, because they would contradict the new masks.

    Args:
        steps: names of modules of `vostool.postprocess`, in the order in which they run.
        settings: parameters, such as "drop-small.min-area=64".
        dataset: says in which frames masks are given; those are never changed. Without it the
            first frame with an object is taken as given, per video.

    Raises:
        UsageError: unknown step or parameter; `out` is the input; resuming with other steps.
        DataError: bad masks; videos or frames that the data set does not have.
        OutputError: `out` is not empty and neither `resume` nor `overwrite` is set.
    """
    console = console or Console.silent()
    plan, source = parse_steps(steps, settings), PredictionFolder(predictions)
    described = None if dataset is None else _described(source, dataset)
    manifest = _manifest(source, plan, dataset)
    _claim(source, out, manifest, resume=resume, overwrite=overwrite)
    if described is None:
        console.warn(
            "no --dataset given: the first frame with an object is taken as the given one, and "
            "objects that come later are not protected where they start"
        )
    task = _Task(source, plan, PredictionWriter(out), described)
    names = [name for name in source.videos() if not (resume and task.is_finished(name))]
    started, counts = time.monotonic(), []
    with (
        console.progress("post-processing", len(names), "video") as progress,
        ThreadPoolExecutor(min(MOST_WORKERS, os.cpu_count() or 1)) as pool,
    ):
        futures = [pool.submit(task.run, name) for name in names]
        try:
            for name, future in zip(names, futures, strict=True):
                counts.append(future.result())
                progress.advance(note=name)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    write_manifest(out, {**manifest, "seconds": round(time.monotonic() - started, 3)})
    changed, pixels = (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0)
    return PostprocessResult(out, len(names), changed, pixels)


@dataclass(frozen=True)
class _Task:
    source: PredictionFolder
    steps: list[Step]
    writer: PredictionWriter
    described: dict[str, Video] | None

    def is_finished(self, video: str) -> bool:
        return self.writer.is_finished(video, self.source.frames(video), probabilities=False)

    def run(self, video: str) -> tuple[int, int]:
        """Filter and write one video; returns (changed pixels, pixels)."""
        described = None if self.described is None else self.described[video]
        frames = _in_order(self.source.frames(video), described)
        sequence = _read(self.source, video, frames, described)
        before = sequence.masks
        for step in self.steps:
            sequence = step(sequence)
        for frame, mask in zip(frames, sequence.masks, strict=True):
            self.writer.write_mask(video, frame, mask)
        changed = sum(int((a != b).sum()) for a, b in zip(before, sequence.masks, strict=True))
        return changed, sum(mask.size for mask in before)


def _read(
    source: PredictionFolder, video: str, frames: tuple[str, ...], described: Video | None
) -> MaskSequence:
    masks = [source.mask(video, frame) for frame in frames]
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


def _described(source: PredictionFolder, dataset: DatasetChoice) -> dict[str, Video]:
    """The data set's videos by name, after checking that they cover the predictions."""
    videos = {video.name: video for video in load_videos(dataset.name, dataset.root, dataset.split)}
    for name in source.videos():
        if name not in videos:
            raise DataError(
                f"{dataset.name} {dataset.split} has no video {name}",
                where=source.root,
                remedy="check --dataset and --split, or remove the folder",
            )
        known = set(videos[name].frame_names)
        extra = [frame for frame in source.frames(name) if frame not in known]
        if extra:
            raise DataError(
                f"video {name} of {dataset.name} has no frame {extra[0]}",
                where=source.mask_path(name, extra[0]),
                remedy="remove the mask, or check --dataset and --split",
            )
    return videos


def _manifest(
    source: PredictionFolder, steps: list[Step], dataset: DatasetChoice | None
) -> dict[str, Any]:
    parent = source.manifest or {}
    chosen = (dataset.name, dataset.split) if dataset else (None, None)
    return {
        "command": "postprocess",
        "parents": [{"folder": str(source.root), "run": parent or None}],
        "steps": [{"name": step.name, "params": step.params.model_dump()} for step in steps],
        "dataset": chosen[0] or parent.get("dataset"),
        "split": chosen[1] or parent.get("split"),
        "versions": versions(),
        "videos": {
            name: {"status": FINISHED, "frames": list(source.frames(name))}
            for name in source.videos()
        },
    }


def _claim(
    source: PredictionFolder, out: Path, manifest: dict[str, Any], *, resume: bool, overwrite: bool
) -> None:
    """Make `out` ready, never the input itself."""
    if out.resolve().is_relative_to(source.root.resolve()):
        raise UsageError(
            "the output folder is the input folder or lies in it",
            where=out,
            remedy="choose another --out; predictions are never changed in place",
        )
    claim_output_folder(out, resume=resume, overwrite=overwrite)
    before = read_manifest(out)
    same = before is None or all(before.get(key) == manifest[key] for key in ("command", "steps"))
    if resume and not same:
        raise UsageError(
            "the output folder was made with other steps or parameters",
            where=out,
            remedy="use the same ones, another --out, or --overwrite",
        )
    if overwrite:
        remove_manifest(out)
        writer = PredictionWriter(out)
        for name in source.videos():
            writer.discard(name)
