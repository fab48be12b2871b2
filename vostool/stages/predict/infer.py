"""`vostool infer`: networks over the videos of a data set, into a prediction folder."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch

from vostool.core.errors import UsageError, VostoolError
from vostool.core.output import Output
from vostool.core.types import Video
from vostool.datasets.layout import FaultyVideos
from vostool.datasets.selection import Selection, places
from vostool.inference.engine import Feedback, InferenceOptions, Member
from vostool.inference.prepare import prepare, resolve
from vostool.inference.sharding import share
from vostool.inference.strategy import parse_strategies
from vostool.inference.tracker import DEFAULT as DEFAULT_TRACKER
from vostool.inference.tracker import make_tracker
from vostool.inference.views import parse_views
from vostool.models import Segmenter
from vostool.predictions.manifest import Shard, file_digest
from vostool.predictions.run import Planned, PredictionRun
from vostool.stages.predict.inference_settings import InferenceSettings
from vostool.stages.predict.load import load_segmenter
from vostool.stages.predict.online_finetune import Arithmetic, OnlineFinetuning, TrainedNetwork
from vostool.stages.predict.video_worker import CropZoom, VideoWorker

log = logging.getLogger(__name__)

__all__ = ["InferenceResult", "InferenceSettings", "infer"]


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
    checkpoints: Sequence[Path],
    selection: Selection | Sequence[Video],
    output: Output,
    settings: InferenceSettings | None = None,
) -> InferenceResult:
    """Run all checkpoints in step over videos; write masks, perhaps probabilities, and run.json.

    Under torchrun each process does its share of the videos. A video that cannot be read is left
    out, the others are done, and then its error is raised.

    Raises:
        UsageError, CheckpointError, OutputError: before anything is run.
        DataError: a video could not be read; the first one, naming the file.
    """
    settings = settings or InferenceSettings()
    options, device = _options(settings)
    crop_zoom = _crop_zoom(settings)
    shard = Shard.of_environment()
    chosen, fault = _load(selection)
    mine = share(chosen, shard.rank, shard.world)
    networks, identities = _networks(checkpoints, settings, device)
    finetuning = _finetuning(networks, settings, options, device)
    members = finetuning.members if finetuning else _members(networks, settings)
    del networks
    run = PredictionRun(
        output,
        _about(selection, identities, device),
        _comparable(settings, options, selection, identities),
        {video.name: Planned(_wanted(video, settings), video.ids) for video in mine},
        inputs=selection.inputs(chosen) if isinstance(selection, Selection) else places(chosen),
        all_videos={video.name for video in chosen},
        probabilities=settings.save_probabilities,
        shard=shard,
    )
    todo = [video for video in mine if video.name in run.todo]
    if len(todo) < len(mine):
        log.info(f"{len(mine) - len(todo)} videos are finished already")
    worker = VideoWorker(run, members, options, crop_zoom, finetuning)
    torch.manual_seed(settings.seed)
    start = time.monotonic()
    worker.run_all(todo)
    fault = fault or worker.first_error
    if fault is not None:
        raise fault
    return InferenceResult(output.path, tuple(worker.done), worker.frames, time.monotonic() - start)


def _options(settings: InferenceSettings) -> tuple[InferenceOptions, torch.device]:
    """Parse what the user wrote; UsageError for what makes no sense."""
    for name, value in (
        ("--max-memory", settings.max_memory),
        ("--short-side", settings.short_side),
    ):
        if value is not None and value < 1:
            raise UsageError(f"{name} {value} makes no sense", remedy="it must be at least 1")
    feedbacks = [item.value for item in Feedback]
    if settings.feedback not in feedbacks:
        raise UsageError(
            f"unknown feedback {settings.feedback!r}", remedy=f"known: {', '.join(feedbacks)}"
        )
    parse_strategies(settings.memory)
    device, dtype = resolve(settings.device, settings.precision)
    if settings.device in ("auto", "cuda") and device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    options = InferenceOptions(
        views=parse_views(settings.tta),
        feedback=Feedback(settings.feedback),
        max_memory=settings.max_memory,
        short_side=settings.short_side,
        dtype=dtype,
        probabilities=settings.save_probabilities,
    )
    return options, device


def _crop_zoom(settings: InferenceSettings) -> CropZoom | None:
    """Get the tracker ready; UsageError or DataError if it cannot be."""
    if settings.crop_zoom is None:
        if settings.tracker is not None or settings.tracker_model:
            raise UsageError(
                "a tracker is only used by crop-then-zoom",
                remedy="pass --crop-zoom too, or leave --tracker and --tracker-model out",
            )
        return None
    if settings.tracker is None and settings.tracker_model:
        raise UsageError(
            "model files are given, but no tracker", remedy="pass --tracker vit or --tracker nano"
        )
    factory = make_tracker(settings.tracker or DEFAULT_TRACKER, settings.tracker_model)
    return CropZoom(settings.crop_zoom, factory)


def _load(selection: Selection | Sequence[Video]) -> tuple[list[Video], VostoolError | None]:
    """The videos that can be used, and the error to raise after them, if some cannot."""
    if not isinstance(selection, Selection):
        return sorted(selection, key=lambda video: video.name), None
    try:
        return selection.load(), None
    except FaultyVideos as fault:
        if not fault.videos:
            raise
        return list(fault.videos), fault


def _networks(
    checkpoints: Sequence[Path], settings: InferenceSettings, device: torch.device
) -> tuple[list[TrainedNetwork], list[dict[str, Any]]]:
    """Networks ready to run, and what the manifest says about each checkpoint."""
    if not checkpoints:
        raise UsageError("no checkpoint", remedy="pass --checkpoint runs/NAME/best.ckpt")
    networks, identities = [], []
    for path in checkpoints:
        segmenter, recipe = load_segmenter(Path(path))
        ready = prepare(segmenter, device, compile_parts=settings.compile)
        networks.append(TrainedNetwork("/".join(Path(path).parts[-2:]), segmenter, ready, recipe))
        digest = file_digest(Path(path))
        identities.append({"path": str(path), "sha256": digest, "recipe": recipe})
    digests = [item["sha256"] for item in identities]
    if len(set(digests)) < len(digests):
        raise UsageError(
            "the same checkpoint is given twice", remedy="it would only count double; drop one"
        )
    return networks, identities


def _members(networks: Sequence[TrainedNetwork], settings: InferenceSettings) -> list[Member]:
    strategies = parse_strategies(settings.memory)
    return [Member(cast(Segmenter, item.ready), strategies) for item in networks]


def _finetuning(
    networks: Sequence[TrainedNetwork],
    settings: InferenceSettings,
    options: InferenceOptions,
    device: torch.device,
) -> OnlineFinetuning | None:
    """UsageError if a network cannot be tuned."""
    if settings.online_finetune is None:
        return None
    arithmetic = Arithmetic(
        device, options.dtype, settings.compile, settings.short_side, settings.seed
    )
    strategies = parse_strategies(settings.memory)
    return OnlineFinetuning(networks, strategies, settings.online_finetune, arithmetic)


def _wanted(video: Video, settings: InferenceSettings) -> tuple[str, ...]:
    return video.frame_names if settings.all_frames else video.output_frames


def _about(
    selection: Selection | Sequence[Video], identities: list[dict[str, Any]], device: torch.device
) -> dict[str, Any]:
    """What the manifest says besides the settings."""
    about: dict[str, Any] = {
        "command": "infer",
        "device": str(device),
        "checkpoints": identities,
        "parents": [],
    }
    if isinstance(selection, Selection):
        about |= selection.record
    return about


def _comparable(
    settings: InferenceSettings,
    options: InferenceOptions,
    selection: Selection | Sequence[Video],
    identities: list[dict[str, Any]],
) -> dict[str, Any]:
    """Everything that changes results."""
    values = asdict(settings)
    for name in ("device", "compile", "tracker", "tracker_model"):
        del values[name]
    values["crop_zoom"] = _comparable_crop_zoom(settings)
    tuned = settings.online_finetune
    values["online_finetune"] = None if tuned is None else tuned.model_dump(mode="json")
    values["memory"] = list(settings.memory)
    values["precision"] = str(options.dtype or torch.float32).removeprefix("torch.")
    values["checkpoints"] = [item["sha256"] for item in identities]
    if isinstance(selection, Selection):
        values |= selection.record
    return values


def _comparable_crop_zoom(settings: InferenceSettings) -> dict[str, Any] | None:
    if settings.crop_zoom is None:
        return None
    return {
        **settings.crop_zoom.model_dump(mode="json"),
        "tracker": settings.tracker or DEFAULT_TRACKER,
        "tracker_models": [file_digest(path) for path in settings.tracker_model],
    }
