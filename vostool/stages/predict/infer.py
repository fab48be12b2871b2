"""`vostool infer`: networks over the videos of a data set, into a prediction folder."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vostool.core.errors import VostoolError
from vostool.core.output import Output
from vostool.core.types import Video
from vostool.datasets.layout import FaultyVideos
from vostool.datasets.selection import Selection, places
from vostool.inference.options import InferenceSettings
from vostool.inference.prepare import resolve
from vostool.inference.run import Context, Propagation, Run
from vostool.inference.sharding import share
from vostool.inference.wrapper import require_files, wrap_all
from vostool.nn.precision import precision_name
from vostool.predictions.lineage import PLACE, file_record
from vostool.predictions.manifest import Shard, file_digests
from vostool.predictions.origin import recorded_root
from vostool.predictions.run import Planned, PredictionRun
from vostool.stages.predict import frame_sizes
from vostool.stages.predict.least_memory import shortage
from vostool.stages.predict.networks import NetworkChoice, Networks, load_networks
from vostool.stages.predict.video_worker import VideoWorker

log = logging.getLogger(__name__)

__all__ = ["InferenceResult", "InferenceSettings", "NetworkChoice", "infer"]


@dataclass(frozen=True)
class InferenceResult:
    """What was done by this process.

    Attributes:
        folder: the prediction folder.
        videos: names of the videos that were run, those that were finished before left out.
        frames: frames run through.
        seconds: time it took, loading left out.
    """

    folder: Path
    videos: tuple[str, ...]
    frames: int
    seconds: float


def infer(
    networks: Sequence[Path | NetworkChoice],
    selection: Selection | Sequence[Video],
    output: Output,
    settings: InferenceSettings | None = None,
    recipe: Path | None = None,
) -> InferenceResult:
    """Run networks in step over videos; write masks, perhaps probabilities, and run.json.

    Under torchrun each process does its share of the videos. A video that cannot be read is left
    out, the others are done, and then its error is raised.

    Args:
        networks: checkpoints, and networks by name.
        recipe: file that settings were taken from, for run.json.

    Raises:
        UsageError, CheckpointError, OutputError: before anything is run.
        DataError: a video could not be read; the first one, naming the file.
    """
    settings = settings or InferenceSettings()
    device, dtype = where(settings)
    settings = settings.changed(precision=precision_name(dtype))
    require_files(settings.inference, settings.execution.model_files)
    shard = Shard.of_environment()
    chosen, fault = load_videos(selection)
    frame_sizes.require_room(chosen, settings.inference)
    mine = share(chosen, shard.rank, shard.world)
    loaded = load_networks(
        networks,
        device,
        compile_parts=settings.execution.compile,
        keep_trained=bool(settings.inference.wrappers),
    )
    run = _run(loaded, settings, device, dtype)
    smaller = frame_sizes.made_smaller(chosen, settings.inference)
    if smaller and shard.rank == 0:
        log.info(frame_sizes.sentence(smaller, len(chosen)))
    if device.type == "cpu" and (short := shortage(mine)):
        log.warning(short)
    inputs = selection.inputs(chosen) if isinstance(selection, Selection) else places(chosen)
    with output.owned(inputs, shard.lock_part):
        prediction = PredictionRun(
            output,
            {
                **_about(loaded, device, recipe, output.path),
                **_origin(selection, output.path),
                **frame_sizes.record(smaller),
            },
            _comparable(settings, selection, loaded),
            {video.name: Planned(wanted_frames(video, settings), video.ids) for video in mine},
            inputs=inputs,
            all_videos={video.name for video in chosen},
            probabilities=settings.execution.save_probabilities,
            shard=shard,
        )
        todo = [video for video in mine if video.name in prediction.todo]
        if len(todo) < len(mine):
            log.info(f"{len(mine) - len(todo)} videos are finished already")
        worker = VideoWorker(prediction, run)
        torch.manual_seed(settings.inference.seed)
        start = time.monotonic()
        worker.run_all(todo)
        fault = fault or worker.first_error
        if fault is not None:
            raise fault
    return InferenceResult(output.path, tuple(worker.done), worker.frames, time.monotonic() - start)


def where(settings: InferenceSettings) -> tuple[torch.device, torch.dtype | None]:
    """Device and autocast type; under torchrun each process has its own GPU."""
    name = settings.execution.device
    device, dtype = resolve(name, settings.inference.precision)
    if name in ("auto", "cuda") and device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return device, dtype


def _run(
    networks: Networks,
    settings: InferenceSettings,
    device: torch.device,
    dtype: torch.dtype | None,
) -> Run:
    """The engine in its wrappers. Raises UsageError or DataError if one cannot be used."""
    options, execution = settings.inference, settings.execution
    context = Context(device, dtype, execution.compile, options.seed, execution.model_files)
    inside = Propagation(networks.members, options, dtype, execution.objects_at_once)
    return wrap_all(inside, options, context)


def load_videos(selection: Selection | Sequence[Video]) -> tuple[list[Video], VostoolError | None]:
    """The videos that can be used, and the error to raise after them, if some cannot."""
    if not isinstance(selection, Selection):
        return sorted(selection, key=lambda video: video.name), None
    try:
        return selection.load(), None
    except FaultyVideos as fault:
        if not fault.videos:
            raise
        return list(fault.videos), fault


def wanted_frames(video: Video, settings: InferenceSettings) -> tuple[str, ...]:
    return video.frame_names if settings.execution.all_frames else video.output_frames


def _about(
    networks: Networks, device: torch.device, recipe: Path | None, out: Path
) -> dict[str, Any]:
    """What the manifest says besides the settings."""
    checkpoints = [
        {**item, PLACE: recorded_root(Path(item["path"]), out)} for item in networks.checkpoints
    ]
    about = {
        "command": "infer",
        "device": str(device),
        "checkpoints": checkpoints,
        "parents": [],
    }
    return about if recipe is None else about | {"recipe": file_record(recipe, out)}


def _origin(selection: Selection | Sequence[Video], out: Path) -> dict[str, str]:
    if not isinstance(selection, Selection):
        return {}
    return {**selection.record, "root": recorded_root(selection.root, out)}


def _data_set(selection: Selection | Sequence[Video]) -> dict[str, str]:
    return selection.record if isinstance(selection, Selection) else {}


def _comparable(
    settings: InferenceSettings,
    selection: Selection | Sequence[Video],
    networks: Networks,
) -> dict[str, Any]:
    """Everything that changes results."""
    return {
        **settings.inference.model_dump(mode="json"),
        **networks.identities,
        "model_files": file_digests(settings.execution.model_files),
        **_data_set(selection),
    }
