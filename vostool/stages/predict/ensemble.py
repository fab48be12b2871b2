"""`vostool ensemble`: prediction folders of several runs into one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vostool.core.console import Advance, progress
from vostool.core.errors import DataError, UsageError
from vostool.core.output import Output
from vostool.core.types import ObjectIds
from vostool.ensembling.agreement import check_agreement, video_ids
from vostool.ensembling.member_planes import one_hot, soft_planes, with_labels
from vostool.ensembling.method import Accumulator, Members, MergingMethod, Needs
from vostool.ensembling.options import MergeOptions
from vostool.inference.writer import WriteBehind
from vostool.predictions.folder import PredictionFolder
from vostool.predictions.quantise import to_uint8
from vostool.predictions.run import Planned, PredictionRun


@dataclass(frozen=True)
class EnsembleResult:
    """What was done.

    Attributes:
        folder: the new prediction folder.
        method: name of the method that merged them.
        videos: names of the videos written, those that were finished before left out.
        frames: frames written.
    """

    folder: Path
    method: str
    videos: tuple[str, ...]
    frames: int


def ensemble(
    members: Sequence[Path],
    output: Output,
    *,
    merge: MergeOptions | None = None,
    save_probabilities: bool = False,
) -> EnsembleResult:
    """Merge prediction folders frame by frame; nothing but one frame is in memory.

    Args:
        members: folders; weights go by their order.
        merge: the method and its options.
        save_probabilities: write the merged planes too.

    Raises:
        UsageError, OutputError: before anything is written.
        DataError: members disagree (all differences in one message) or a file is damaged.
    """
    folders = [PredictionFolder(path) for path in members]
    probable = all(folder.has_probabilities for folder in folders)
    chosen = (merge or MergeOptions()).choose(probable)
    _check_probabilities(chosen, folders, save_probabilities)
    start = chosen.prepare(Members(tuple(str(path) for path in members), probable))
    check_agreement(folders, probable)
    first = folders[0]
    ids = {video: _known_ids(folders, video, probable) for video in first.videos()}
    run = PredictionRun(
        output,
        _about(folders),
        {
            "members": [str(path) for path in members],
            "method": chosen.name,
            "options": chosen.params.model_dump(mode="json"),
            "save_probabilities": save_probabilities,
        },
        {video: Planned(first.frames(video), ids[video]) for video in first.videos()},
        inputs=members,
        probabilities=save_probabilities,
    )
    frames = _Frames(folders, chosen.needs, probable, start)
    total = sum(len(first.frames(video)) for video in run.todo)
    label = f"ensemble ({chosen.name})"
    with progress(label, total, "frames") as bar, WriteBehind() as writer:
        for video in run.todo:
            _write_video(run, frames, video, writer, bar)
    return EnsembleResult(output.path, chosen.name, tuple(run.todo), total)


def _write_video(
    run: PredictionRun, frames: _Frames, video: str, writer: WriteBehind, progress: Advance
) -> None:
    start = time.monotonic()
    writer.submit(run.begin, video)
    plan = run.planned[video]
    for frame in plan.frames:
        planes, ids = frames.merged(video, frame, plan.ids)
        # On processors argmax over the first axis takes five times as long as max.
        labels = planes.max(dim=0).indices.to(torch.uint8).numpy()
        writer.submit(run.writer.write_mask, video, frame, ids.to_ids(labels))
        if run.probabilities:
            stored = to_uint8(planes)
            writer.submit(run.writer.write_probabilities, video, frame, stored, ids)
        progress.advance(1, video)
    writer.submit(run.finish, video, time.monotonic() - start)


class _Frames:
    """Reads a frame of one member after the other and merges it."""

    def __init__(
        self,
        folders: Sequence[PredictionFolder],
        needs: Needs,
        probable: bool,
        start: Callable[[], Accumulator],
    ):
        self._folders, self._needs = folders, needs
        self._probable, self._start = probable, start

    def merged(self, video: str, frame: str, ids: ObjectIds) -> tuple[torch.Tensor, ObjectIds]:
        """Merged planes `[K+1, H, W]` and the ids that planes 1..K stand for."""
        masks = [folder.mask(video, frame) for folder in self._folders]
        if not self._probable:
            ids = ObjectIds.of({*ids, *np.unique(np.stack(masks)).tolist()} - {0})
        accumulator = self._start()
        for member, (folder, mask) in enumerate(zip(self._folders, masks, strict=True)):
            labels = ids.to_rows(mask)
            if self._probable:
                planes = soft_planes(self._stored(folder, video, frame, ids, mask.shape), labels)
                if self._needs is Needs.MASKS:
                    planes = with_labels(planes, labels)
            else:
                planes = one_hot(labels, len(ids) + 1)
            accumulator.add(planes, member)
        return accumulator.result(), ids

    def _stored(
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


def _check_probabilities(
    method: MergingMethod, folders: Sequence[PredictionFolder], save_probabilities: bool
) -> None:
    without = [str(folder.root) for folder in folders if not folder.has_probabilities]
    if without and (method.needs is Needs.PROBABILITIES or save_probabilities):
        raise UsageError(
            f"no probabilities in {', '.join(without)}",
            remedy="run vostool infer with --save-probabilities, or use --method vote alone",
        )


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
