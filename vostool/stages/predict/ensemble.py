"""`vostool ensemble`: prediction folders of several runs into one."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from vostool.core.console import Advance, progress
from vostool.core.errors import DataError, UsageError
from vostool.core.types import ObjectIds
from vostool.ensembling.agreement import check_agreement, video_ids
from vostool.ensembling.combine import combine_probabilities, combine_votes
from vostool.inference.writer import WriteBehind
from vostool.predictions.folder import PredictionFolder
from vostool.stages.predict.prediction_run import Planned, PredictionRun

Method = Literal["auto", "mean", "vote"]
METHODS = ("auto", "mean", "vote")


@dataclass(frozen=True)
class EnsembleResult:
    """What was done.

    Attributes:
        folder: the new prediction folder.
        method: "mean" or "vote".
        videos: names of the videos written, those that were finished before left out.
        frames: frames written.
    """

    folder: Path
    method: str
    videos: tuple[str, ...]
    frames: int


def ensemble(
    members: Sequence[Path],
    out: Path,
    *,
    method: Method = "auto",
    weights: Sequence[float] | None = None,
    save_probabilities: bool = False,
    resume: bool = False,
    overwrite: bool = False,
) -> EnsembleResult:
    """Combine prediction folders frame by frame; nothing but one frame is in memory.

    Args:
        members: folders; order matters only for breaking ties of votes.
        method: mean of probabilities, vote of masks, or auto: mean where all members have
            probabilities.
        weights: one per member, at least 0; default equal.

    Raises:
        UsageError, OutputError: before anything is written.
        DataError: members disagree (all differences in one message) or a file is damaged.
    """
    shares = _weights(weights, members)
    if any(Path(out).resolve() == Path(path).resolve() for path in members):
        raise UsageError(
            "the output folder is one of the members", where=out, remedy="choose another --out"
        )
    folders = [PredictionFolder(path) for path in members]
    probable = all(folder.has_probabilities for folder in folders)
    chosen = _method(method, probable, folders, save_probabilities)
    check_agreement(folders, probable)
    first = folders[0]
    ids = {video: _known_ids(folders, video, probable) for video in first.videos()}
    run = PredictionRun(
        out,
        _about(folders),
        {
            "members": [str(path) for path in members],
            "method": chosen,
            "weights": shares,
            "save_probabilities": save_probabilities,
        },
        {video: Planned(first.frames(video), ids[video]) for video in first.videos()},
        probabilities=save_probabilities,
        resume=resume,
        overwrite=overwrite,
    )
    combiner = _Combiner(folders, chosen, shares, probable, save_probabilities)
    total = sum(len(first.frames(video)) for video in run.todo)
    label = f"ensemble ({chosen})"
    with progress(label, total, "frames") as bar, WriteBehind() as writer:
        for video in run.todo:
            _write_video(run, combiner, video, writer, bar)
    return EnsembleResult(Path(out), chosen, tuple(run.todo), total)


def _write_video(
    run: PredictionRun, combiner: _Combiner, video: str, writer: WriteBehind, progress: Advance
) -> None:
    start = time.monotonic()
    writer.submit(run.begin, video)
    plan = run.planned[video]
    for frame in plan.frames:
        mask, planes = combiner.combine(video, frame, plan.ids)
        writer.submit(run.writer.write_mask, video, frame, mask)
        if planes is not None:
            writer.submit(run.writer.write_probabilities, video, frame, planes, plan.ids)
        progress.advance(1, video)
    writer.submit(run.finish, video, time.monotonic() - start)


class _Combiner:
    """Reads a frame of all members and combines it."""

    def __init__(
        self,
        folders: Sequence[PredictionFolder],
        method: str,
        weights: list[float],
        probable: bool,
        save_probabilities: bool,
    ):
        self._folders, self._method, self._weights = folders, method, weights
        self._probable, self._save = probable, save_probabilities

    def combine(
        self, video: str, frame: str, ids: ObjectIds
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Mask of ids `[H, W]` and, if wanted, mean planes `[K+1, H, W]`, both uint8."""
        masks = [folder.mask(video, frame) for folder in self._folders]
        if not self._probable:
            ids = ObjectIds.of({*ids, *np.unique(np.stack(masks)).tolist()} - {0})
        rows = [ids.to_rows(mask) for mask in masks]
        if not self._probable:
            return ids.to_ids(combine_votes(rows, self._weights, len(ids) + 1)), None
        planes = [
            self._planes(folder, video, frame, ids, mask.shape)
            for folder, mask in zip(self._folders, masks, strict=True)
        ]
        labels, mean = combine_probabilities(planes, rows, self._weights)
        if self._method == "vote":
            labels = combine_votes(rows, self._weights, len(ids) + 1, planes)
        return ids.to_ids(labels), mean if self._save else None

    def _planes(
        self,
        folder: PredictionFolder,
        video: str,
        frame: str,
        ids: ObjectIds,
        size: tuple[int, ...],
    ) -> np.ndarray:
        planes, own = folder.probabilities(video, frame)
        if own != ids or planes.shape[1:] != size:
            raise DataError(
                f"probabilities of ids {list(own)}, {planes.shape[1]}x{planes.shape[2]} pixels, "
                f"where ids {list(ids)}, {size[0]}x{size[1]} are expected",
                where=folder.probabilities_path(video, frame),
                remedy="run vostool infer again for this video",
            )
        return planes


def _method(
    method: str, probable: bool, folders: Sequence[PredictionFolder], save_probabilities: bool
) -> str:
    if method not in METHODS:
        raise UsageError(f"unknown method {method!r}", remedy=f"known: {', '.join(METHODS)}")
    without = [str(folder.root) for folder in folders if not folder.has_probabilities]
    if not probable and (method == "mean" or save_probabilities):
        raise UsageError(
            f"no probabilities in {', '.join(without)}",
            remedy="run vostool infer with --save-probabilities, or use --method vote alone",
        )
    return ("mean" if probable else "vote") if method == "auto" else method


def _weights(weights: Sequence[float] | None, members: Sequence[Path]) -> list[float]:
    if weights is None:
        return [1.0] * len(members)
    if len(weights) != len(members):
        raise UsageError(
            f"{len(weights)} weights for {len(members)} folders", remedy="give one per folder"
        )
    sound = all(math.isfinite(weight) and weight >= 0 for weight in weights)
    if not sound or sum(weights) <= 0:
        raise UsageError(
            f"weights {list(weights)} make no sense", remedy="each at least 0, and not all 0"
        )
    return [float(weight) for weight in weights]


def _known_ids(folders: Sequence[PredictionFolder], video: str, probable: bool) -> ObjectIds:
    """Ids of a video as far as any member says."""
    known = (video_ids(folder, video, probable) for folder in folders)
    return next((ids for ids in known if ids is not None), ObjectIds(()))


def _about(folders: Sequence[PredictionFolder]) -> dict[str, Any]:
    """What the manifest says besides the settings: where members come from."""
    parents = []
    for folder in folders:
        manifest = folder.manifest or {}
        parents.append(
            {
                "path": str(folder.root),
                "command": manifest.get("command"),
                "settings": manifest.get("settings"),
                "parents": manifest.get("parents", []),
            }
        )
    about: dict[str, Any] = {"command": "ensemble", "parents": parents}
    for name in ("dataset", "split"):
        values = {(folder.manifest or {}).get(name) for folder in folders}
        if len(values) == 1 and None not in values:
            about[name] = values.pop()
    return about
