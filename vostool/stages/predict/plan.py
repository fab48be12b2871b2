"""`vostool infer --plan`: what a run needs, from its first frames, before anything long starts."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from vostool.core.errors import DataError
from vostool.core.figures import amount
from vostool.core.memory_use import available_memory, held_memory, restart_peak
from vostool.core.types import Video
from vostool.datasets.selection import Selection
from vostool.inference import wrapper
from vostool.inference.engine import FrameResult
from vostool.inference.options import InferenceSettings
from vostool.inference.run import Context, Propagation
from vostool.inference.trial import try_out
from vostool.predictions.folder import MASKS, PROBABILITIES, PredictionWriter
from vostool.predictions.quantise import to_uint8
from vostool.stages.predict.frame_sizes import start_size
from vostool.stages.predict.infer import load_videos, wanted_frames, where
from vostool.stages.predict.networks import NetworkChoice, load_networks
from vostool.stages.predict.plan_figures import Costs
from vostool.stages.predict.plan_result import Plan, Shape
from vostool.stages.predict.plan_source import crowded

log = logging.getLogger(__name__)

FRAMES = 5
"""Frames that are run."""
PER_FRAME = frozenset({"proposals"})
"""Wrappers whose work is in every frame, so that it is measured."""


def plan(
    networks: Sequence[Path | NetworkChoice],
    selection: Selection | Sequence[Video],
    out: Path,
    settings: InferenceSettings | None = None,
) -> Plan:
    """Run the first frames of the largest video, all its objects at once; nothing is kept.

    Args:
        networks, selection, settings: as `infer` takes them.
        out: where predictions are to be written.

    Raises:
        UsageError, CheckpointError, DataError: as `infer`; no video has an object.
    """
    settings = settings or InferenceSettings()
    restart_peak()
    available = available_memory()
    available = None if available is None else available + held_memory()
    wrapper.require_files(settings.inference, settings.execution.model_files)
    videos, fault = load_videos(selection)
    if fault is not None:
        log.warning(str(fault))
    shapes = _shapes(videos, settings)
    largest = max(shapes, key=lambda shape: shape.load)
    video = next(video for video in videos if video.name == largest.name)
    costs = _measure(networks, video, largest, settings)
    found = costs.plan(
        shapes, available=available, free=_free(out), unmeasured=_unmeasured(settings)
    )
    if not found.fits:
        log.warning(
            f"about {amount(found.memory)} of memory are needed, {amount(available or 0)} are "
            "available: pass --objects-at-once 1, a smaller --short-side or a --max-memory"
        )
    return found


def _shapes(videos: Sequence[Video], settings: InferenceSettings) -> list[Shape]:
    """Of the videos that can be read and have objects. Raises DataError if none has."""
    shapes = []
    for video in videos:
        size, wanted = start_size(video), wanted_frames(video, settings)
        if size is not None and wanted:
            factor = settings.inference.sides.factor(size)
            seen = round(size[0] * factor), round(size[1] * factor)
            shapes.append(Shape.of(video, size, seen, wanted))
    shapes = [shape for shape in shapes if shape.objects]
    if not shapes:
        raise DataError("no video has an object and frames to write", remedy="choose others")
    return shapes


def _measure(
    networks: Sequence[Path | NetworkChoice],
    video: Video,
    shape: Shape,
    settings: InferenceSettings,
) -> Costs:
    """Run the beginning of a video; its files are really written, for a moment."""
    device, dtype = where(settings)
    execution = settings.execution
    left_out = dict.fromkeys(_unmeasured(settings))
    options = settings.inference.model_copy(update=left_out)
    context = Context(device, dtype, execution.compile, options.seed, execution.model_files)
    loaded = load_networks(networks, device, compile_parts=execution.compile)
    source = crowded(video, FRAMES)
    with TemporaryDirectory() as folder:
        writer = PredictionWriter(Path(folder))

        def write(result: FrameResult) -> None:
            writer.write_mask(source.name, result.name, result.mask)
            if result.probabilities is not None:
                planes = to_uint8(result.probabilities)
                writer.write_probabilities(source.name, result.name, planes, source.ids)

        trial = try_out(
            loaded.members,
            lambda members: wrapper.wrap_all(
                Propagation(members, options, dtype, execution.objects_at_once), options, context
            ),
            source,
            write,
            probabilities=execution.save_probabilities,
        )
        masks, planes = (_mean_size(Path(folder) / kind) for kind in (MASKS, PROBABILITIES))
    return Costs(trial, shape, len(source.ids), options.memory, options.max_memory, masks, planes)


def _unmeasured(settings: InferenceSettings) -> tuple[str, ...]:
    return tuple(name for name in settings.inference.wrappers if name not in PER_FRAME)


def _mean_size(folder: Path) -> float:
    """Mean bytes of the files below a folder; 0 without any."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return sum(sizes) / max(1, len(sizes))


def _free(out: Path) -> int:
    """Bytes left where a folder is to be."""
    place = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    return shutil.disk_usage(place).free
