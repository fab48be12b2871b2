"""`vostool ensemble`: prediction folders of several runs into one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vostool.core.console import Advance, progress
from vostool.core.output import Output
from vostool.core.types import ObjectIds
from vostool.ensembling.folder_members import FolderMembers
from vostool.ensembling.method import Accumulator, Needs
from vostool.ensembling.options import MergeOptions
from vostool.inference.writer import WriteBehind
from vostool.predictions.folder import PredictionFolder
from vostool.predictions.lineage import parent_record
from vostool.predictions.origin import common_origin
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
    videos: Sequence[str] = (),
) -> EnsembleResult:
    """Merge prediction folders frame by frame; nothing but one frame is in memory.

    Args:
        members: folders; weights go by their order.
        merge: the method and its options.
        save_probabilities: write the merged planes too.
        videos: names of those to merge; by default all.

    Raises:
        UsageError, OutputError: before anything is written.
        DataError: members disagree (all differences in one message) or a file is damaged.
    """
    folders = FolderMembers(members, videos)
    chosen = (merge or MergeOptions()).choose(folders.probabilities)
    if save_probabilities:
        folders.require_probabilities()
    merging = _Merging(folders, chosen.needs, folders.prepare(chosen))
    first = folders.folders[0]
    with output.owned(members):
        run = PredictionRun(
            output,
            _about(folders.folders, output.path),
            {
                "members": [str(path) for path in members],
                "method": chosen.name,
                "options": chosen.params.model_dump(mode="json"),
                "save_probabilities": save_probabilities,
            },
            {video: Planned(first.frames(video), folders.ids(video)) for video in first.videos()},
            inputs=members,
            probabilities=save_probabilities,
        )
        total = sum(len(first.frames(video)) for video in run.todo)
        label = f"ensemble ({chosen.name})"
        with progress(label, total, "frames") as bar, WriteBehind() as writer:
            for video in run.todo:
                _write_video(run, merging, video, writer, bar)
    return EnsembleResult(output.path, chosen.name, tuple(run.todo), total)


@dataclass(frozen=True)
class _Merging:
    """Members, and how they are merged."""

    members: FolderMembers
    needs: Needs
    start: Callable[[], Accumulator]

    def merged(self, video: str, frame: str, ids: ObjectIds) -> tuple[torch.Tensor, ObjectIds]:
        """Merged planes `[K+1, H, W]` and the ids that planes 1..K stand for."""
        accumulator = self.start()
        ids, members = self.members.planes(video, frame, ids, self.needs)
        for number, planes in enumerate(members):
            accumulator.add(planes, number)
        return accumulator.result(), ids


def _write_video(
    run: PredictionRun, merging: _Merging, video: str, writer: WriteBehind, bar: Advance
) -> None:
    start = time.monotonic()
    writer.submit(run.begin, video)
    plan = run.planned[video]
    for frame in plan.frames:
        planes, ids = merging.merged(video, frame, plan.ids)
        # On processors argmax over the first axis takes five times as long as max.
        labels = planes.max(dim=0).indices.to(torch.uint8).numpy()
        writer.submit(run.writer.write_mask, video, frame, ids.to_ids(labels))
        if run.probabilities:
            stored = to_uint8(planes)
            writer.submit(run.writer.write_probabilities, video, frame, stored, ids)
        bar.advance(1, video)
    writer.submit(run.finish, video, time.monotonic() - start)


def _about(folders: Sequence[PredictionFolder], out: Path) -> dict[str, Any]:
    """What the manifest says besides the settings: where members come from."""
    parents = [parent_record(folder, out) for folder in folders]
    origin = common_origin([folder.root for folder in folders])
    about: dict[str, Any] = {"command": "ensemble", "parents": parents}
    return about if origin is None else about | origin.record(out)
