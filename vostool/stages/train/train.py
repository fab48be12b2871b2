"""Trains a network as a recipe says."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from vostool.core.errors import UsageError
from vostool.core.figures import per_cent
from vostool.core.files import write_json
from vostool.core.output import Output
from vostool.models import InputSpec, Segmenter
from vostool.nn.precision import resolve_device
from vostool.recipe import Recipe, build_model, parse_recipe
from vostool.stages.train.memory_need import require_room
from vostool.stages.train.training_data import DataFolders, held_out_videos, training_clips
from vostool.training.checkpoints.checkpoint import load_start, read_checkpoint
from vostool.training.checkpoints.resuming import check_same_run
from vostool.training.checkpoints.run_folder import RECIPE
from vostool.training.clips.feeding import total_samples
from vostool.training.finetuning.finetuner import can_be_trained
from vostool.training.loop.distributed import Processes, process_group
from vostool.training.loop.run import TrainingOptions, TrainingResult, Validate
from vostool.training.loop.trainer import Trainer
from vostool.training.objective import objective_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingRun:
    """Where a training reads and writes, and on what it computes; nothing that changes its result.

    Attributes:
        output: the run's folder; resuming goes on with an interrupted run in it.
        data: folders of the recipe's data entries.
        init: checkpoint to start from.
        weights: backbone weights instead of the recipe's: "none", "imagenet" or a file.
        device: "auto", "cpu", "cuda" or "cuda:N".
        workers: processes that load clips.
        max_minutes: stop in a resumable state after this time.
        tensorboard: write TensorBoard events too.
    """

    output: Output
    data: DataFolders
    init: Path | None = None
    weights: str | None = None
    device: str = "auto"
    workers: int = 1
    max_minutes: float | None = None
    tensorboard: bool = False


def train(recipe: Recipe, run: TrainingRun) -> TrainingResult:
    """Train, writing checkpoints and metrics into the run's folder.

    Under torchrun, every process calls this with the same arguments.

    Raises:
        UsageError: data folders missing; resuming with another recipe; a recipe that needs more
            memory than there is.
        DataError, CheckpointError: bad input.
        OutputError: the folder is not empty and neither resumed nor overwritten.
        TrainingStopped: the loss is not finite.
        KeyboardInterrupt: interrupted, with the state saved.
    """
    require_room(recipe)
    with process_group(resolve_device(run.device)) as processes:
        inputs = list(run.data.folders.values())
        with run.output.owned(inputs) if processes.is_main else nullcontext():
            if processes.is_main:
                run.output.claim_folder(inputs)
            processes.wait()
            return _train(recipe, run, processes)


def _train(recipe: Recipe, run: TrainingRun, processes: Processes) -> TrainingResult:
    samples = total_samples(recipe.loop, processes.count)
    clips = training_clips(recipe, run.data, samples=samples, processes=processes.count)
    trainer = Trainer(
        _network(recipe, run, processes),
        _options(recipe),
        recipe.resolved(),
        run.output.path,
        processes,
        _validate(recipe, run),
    )
    if not run.output.resume and processes.is_main:
        trainer.files.clear()
    if run.output.resume and trainer.files.resume_file.exists():
        state = trainer.files.read_resume()
        # Parsing fills in what a newer version has added, so that only real differences count.
        before = parse_recipe(state.progress.recipe, str(trainer.files.resume_file)).resolved()
        progress = state.progress.model_copy(update={"recipe": before})
        check_same_run(progress, recipe.resolved(), processes, run.output.path)
        trainer.resume()
        log.info(f"going on after {trainer.iteration} of {recipe.loop.iterations} iterations")
    if processes.is_main:
        write_json(run.output.path / RECIPE, recipe.resolved())
    seconds = None if run.max_minutes is None else 60 * run.max_minutes
    result = trainer.run(
        clips,
        workers=run.workers,
        max_seconds=seconds,
        tensorboard=run.tensorboard,
    )
    for entry in trainer.files.entries():
        if entry.metrics:
            name, score = next(iter(entry.metrics.items()))
            log.info(f"{entry.file}: {name} {per_cent(score)} %")
    return result


def _validate(recipe: Recipe, run: TrainingRun) -> Validate | None:
    if not recipe.validation.every:
        return None
    validation = held_out_videos(recipe, run.data)

    def validate(model: nn.Module, dtype: torch.dtype | None) -> Mapping[str, float]:
        return validation.score(model, dtype)

    return validate


def _network(recipe: Recipe, run: TrainingRun, processes: Processes) -> nn.Module:
    """The network at its start, equal in all processes: initialised, or from a checkpoint."""
    torch.manual_seed(recipe.loop.seed)
    model = build_model(recipe.model, weights=run.weights if run.init is None else "none")
    if not can_be_trained(model):
        raise UsageError(
            f"{recipe.model.name} cannot be trained: the network has no training pass",
            remedy="give it a forward(clip) and parameters, or run it with vostool infer --network",
        )
    if getattr(model, "input_spec", InputSpec()).proposals and not run.data.proposals:
        raise UsageError(
            f"{recipe.model.name} learns from proposals, and there are none",
            remedy="pass --proposals ENTRY=FILE (`vostool propose` makes the file)",
        )
    if recipe.validation.every and not isinstance(model, Segmenter):
        raise UsageError(
            f"{recipe.model.name} finds objects and follows none, so that no videos are scored",
            remedy="--set validation.every=0; vostool propose reports the recall of a checkpoint",
        )
    if run.init is None:
        return model.to(processes.device)
    weights, _ = read_checkpoint(run.init)
    new, unused = load_start(model, weights, run.init)
    if new:
        log.info(f"{run.init} has no fitting {', '.join(new)}: new, from initialisation")
    if unused:
        log.info(f"{run.init}: not used: {', '.join(unused)}")
    return model.to(processes.device)


def _options(recipe: Recipe) -> TrainingOptions:
    return TrainingOptions(
        loop=recipe.loop,
        optimiser=recipe.optimiser,
        schedule=recipe.schedule,
        objective=objective_of(recipe.losses),
        checkpoints=recipe.checkpoints,
        validate_every=recipe.validation.every,
    )
