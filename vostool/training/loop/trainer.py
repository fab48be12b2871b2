"""The training loop: one function that goes from a state to the end of the schedule."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from vostool.core.console import Advance, progress
from vostool.core.errors import CheckpointError, UsageError, VostoolError, is_lost_loading_process
from vostool.core.figures import per_cent
from vostool.core.types import Clip
from vostool.nn.precision import autocast, resolve_precision
from vostool.training.checkpoints.checkpoint import describe, load_weights
from vostool.training.checkpoints.resuming import Progress, ResumeState, load_optimiser
from vostool.training.checkpoints.run_folder import RunFolder
from vostool.training.clips.feeding import clip_loader, end_workers, next_clip
from vostool.training.loop.distributed import Processes, without_averaging, wrap
from vostool.training.loop.interrupt import StopRequest, listen
from vostool.training.loop.metrics_log import Means, MetricsLog
from vostool.training.loop.run import TrainingOptions, TrainingResult, TrainingStopped, Validate
from vostool.training.loss import Moment
from vostool.training.optimisation.averaging import WeightAverage
from vostool.training.optimisation.optimiser import (
    build_optimiser,
    gradient_norm,
    put_channels_last,
    set_learning_rate,
    train_mode,
)
from vostool.training.optimisation.schedule import learning_rate_factor

log = logging.getLogger(__name__)


class Trainer:
    """Holds what changes during a run: weights, optimiser, iteration, best score.

    Args:
        model: a Segmenter, on `processes.device`.
        options: from the recipe.
        recipe: the resolved recipe, stored in every checkpoint.
        folder: the run's folder.
        processes: this process among all of the run.
        validate: scores the model; needed when `options.validate_every` is not 0.
    """

    def __init__(
        self,
        model: nn.Module,
        options: TrainingOptions,
        recipe: dict[str, Any],
        folder: Path,
        processes: Processes,
        validate: Validate | None = None,
    ):
        if options.validate_every and validate is None:
            raise ValueError("validate_every needs a validate function")
        self.model, self.options, self.recipe = model, options, recipe
        self.processes, self.validate = processes, validate
        self.files = RunFolder(folder, options.checkpoints.keep)
        if processes.device.type == "cpu":
            put_channels_last(model)
        self.optimiser = build_optimiser(model, options.optimiser)
        self.dtype = resolve_precision(options.loop.precision, processes.device, training=True)
        if self.dtype is torch.float16 and processes.device.type == "cpu":
            raise UsageError(
                "fp16 is not for processors", remedy="use loop.precision auto, fp32 or bf16"
            )
        self.scaler = torch.amp.GradScaler(
            processes.device.type, enabled=self.dtype is torch.float16
        )
        decay = options.loop.average
        self.average = WeightAverage(model, decay) if decay else None
        self.iteration = 0
        self.best_score: float | None = None
        self.meters = Means()

    def resume(self) -> None:
        """Take up the saved state of this folder.

        Raises:
            CheckpointError: there is none, it is damaged, or of another architecture.
        """
        state = self.files.read_resume()
        load_weights(self.model, state.weights, self.files.resume_file)
        load_optimiser(self.optimiser, state.optimiser, self.files.resume_file)
        if self.average is not None:
            try:
                self.average.load(state.average)
            except ValueError as error:
                raise CheckpointError(
                    f"{error}", where=self.files.resume_file, remedy="start a new run"
                ) from error
        self.iteration = state.progress.iteration
        self.best_score = state.progress.best_score
        self.meters = Means(dict(state.progress.unlogged), state.progress.unlogged_count)
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(state.progress.scaler)

    def run(
        self,
        dataset: Dataset[Clip],
        *,
        workers: int = 0,
        max_seconds: float | None = None,
        tensorboard: bool = False,
    ) -> TrainingResult:
        """Train to the end of the schedule, or until interrupted or out of time.

        Args:
            dataset: sample number -> clip with B = 1, a pure function of the number.
            workers: loading processes.
            max_seconds: stop in a resumable state after this time.
            tensorboard: write events too.

        Raises:
            TrainingStopped: the loss is not finite.
            Interrupted: after Ctrl-C, SIGTERM or SIGHUP, with the state saved.
        """
        metrics = None
        if self.processes.is_main:
            folder = self.files.folder
            metrics = MetricsLog(folder, tensorboard=tensorboard, resume_at=self.iteration)
        deadline = math.inf if max_seconds is None else time.monotonic() + max_seconds
        total = self.options.loop.iterations
        try:
            with (
                listen() as stop,
                progress("training", total - self.iteration, "it") as bar,
            ):
                self._steps(dataset, workers, stop, deadline, metrics, bar)
        finally:
            if metrics is not None:
                metrics.close()
        if stop.asked and self.iteration < total:
            log.info(self._how_to_go_on("interrupted"))
            stop.grant()
        if self.iteration < total:
            log.info(self._how_to_go_on("out of time"))
        return self._result()

    def _result(self) -> TrainingResult:
        best = self.files.best if self.files.best.is_file() else None
        finished = self.iteration >= self.options.loop.iterations
        return TrainingResult(self.files.folder, self.iteration, finished, best, self.best_score)

    def _how_to_go_on(self, why: str) -> str:
        total = self.options.loop.iterations
        return (
            f"{why} after {self.iteration} of {total} iterations, in the middle of the schedule; "
            f"the state is in {self.files.resume_file}: run the same command with --resume"
        )

    def _steps(
        self,
        dataset: Dataset[Clip],
        workers: int,
        stop: StopRequest,
        deadline: float,
        metrics: MetricsLog | None,
        progress: Advance,
    ) -> None:
        loop, processes = self.options.loop, self.processes
        loader = clip_loader(
            dataset,
            loop,
            start=self.iteration,
            rank=processes.rank,
            processes=processes.count,
            workers=workers,
        )
        clips = iter(loader)
        network = wrap(self.model, processes)
        train_mode(self.model)
        try:
            while self.iteration < loop.iterations:
                started = time.monotonic()
                values = self._step(network, clips)
                self.iteration += 1
                if self.average is not None:
                    self.average.update(self.model, self.iteration)
                self.meters.add(values | {"step_seconds": time.monotonic() - started})
                if self.iteration % loop.log_every == 0 or self.iteration == loop.iterations:
                    self._write(metrics, self.meters.take())
                progress.advance(1, f"loss {values['loss']:.3f}")
                self._save_when_due(metrics)
                if processes.any(stop.asked or time.monotonic() > deadline):
                    self._save_resume(metrics)
                    return
        except RuntimeError as error:
            # A loading process may die of the same signal. The step in hand is lost with it; what
            # was saved last is whole.
            if not (stop.asked and is_lost_loading_process(error)):
                raise
        finally:
            end_workers(clips)

    def _step(self, network: nn.Module, clips: Iterator[Clip | VostoolError]) -> dict[str, float]:
        """One optimiser step; means over its forward passes of losses and waiting time."""
        loop = self.options.loop
        factor = learning_rate_factor(self.options.schedule, self.iteration, loop.iterations)
        rate = set_learning_rate(self.optimiser, factor)
        torch.manual_seed(step_seed(loop.seed, self.iteration, self.processes.rank))
        self.optimiser.zero_grad(set_to_none=True)
        meters = Means()
        for step_pass in range(loop.accumulation):
            started = time.monotonic()
            clip = next_clip(clips).to(self.processes.device)
            wait = time.monotonic() - started
            with without_averaging(network, last=step_pass == loop.accumulation - 1):
                meters.add(self._forward_backward(network, clip) | {"data_seconds": wait})
        values = meters.take()
        values["data_seconds"] *= loop.accumulation
        self.scaler.unscale_(self.optimiser)
        parameters = (p for group in self.optimiser.param_groups for p in group["params"])
        norm = gradient_norm(parameters, loop.clip_norm)
        self._check_finite(values["loss"], norm)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        return values | {"learning_rate": rate, "gradient_norm": norm}

    def _forward_backward(self, network: nn.Module, clip: Clip) -> dict[str, float]:
        with autocast(self.processes.device, self.dtype):
            prediction = network(clip)
        moment = Moment(self.iteration, self.options.loop.iterations)
        terms = self.options.objective(prediction, clip, moment)
        self.scaler.scale(terms["loss"] / self.options.loop.accumulation).backward()
        return {name: float(value.detach()) for name, value in terms.items()}

    def _check_finite(self, loss: float, norm: float) -> None:
        # fp16's scaler skips steps with infinite gradients and lowers its scale: those are normal.
        fine = math.isfinite(loss) and (math.isfinite(norm) or self.scaler.is_enabled())
        if not self.processes.any(not fine):
            return
        what = "loss" if not math.isfinite(loss) else "gradient"
        entries = self.files.entries()
        kept = f"the last good weights are in {entries[-1].file}; " if entries else ""
        raise TrainingStopped(
            f"the {what} is not finite at iteration {self.iteration + 1}",
            where=self.files.folder,
            remedy=f"{kept}start again with a lower optimiser.learning_rate, loop.clip_norm = 1 "
            "or loop.precision = 'fp32'",
        )

    def _write(self, metrics: MetricsLog | None, values: Mapping[str, float]) -> None:
        means = {name: self.processes.mean(value) for name, value in values.items()}
        means["data_share"] = means["data_seconds"] / max(means["step_seconds"], 1e-9)
        if metrics is not None:
            metrics.write("train", self.iteration, means)

    def _save_when_due(self, metrics: MetricsLog | None) -> None:
        last = self.iteration == self.options.loop.iterations
        every = self.options.validate_every
        figures: dict[str, float] = {}
        if validated := bool(every) and (self.iteration % every == 0 or last):
            figures = self._validate(metrics)
        if validated or last or self.iteration % self.options.checkpoints.every == 0:
            self._save_checkpoint(figures)
            self._save_resume(metrics)

    def _validate(self, metrics: MetricsLog | None) -> dict[str, float]:
        """Score on the main process, which alone gets figures; the others wait."""
        figures: dict[str, float] = {}
        if self.processes.is_main and self.validate is not None:
            self.model.eval()
            try:
                with self._averaged():
                    figures = dict(self.validate(self.model, self.dtype))
            finally:
                train_mode(self.model)
            name, score = next(iter(figures.items()))
            log.info(f"validation after {self.iteration} iterations: {name} {per_cent(score)} %")
        if metrics is not None:
            metrics.write("validation", self.iteration, figures)
        self.processes.wait()
        return figures

    def _save_checkpoint(self, figures: dict[str, float]) -> None:
        if not self.processes.is_main:
            return
        best = not self.options.validate_every
        if figures:
            score = next(iter(figures.values()))
            best = self.best_score is None or score > self.best_score
            self.best_score = score if best else self.best_score
        info = describe(self.recipe, self.iteration, figures)
        with self._averaged():
            self.files.save(self.model, info, best=best)

    def _averaged(self) -> AbstractContextManager:
        """The mean of the weights in the model, where there is one: it is scored and saved."""
        return nullcontext() if self.average is None else self.average.applied(self.model)

    def _save_resume(self, metrics: MetricsLog | None) -> None:
        """Save what `resume` needs."""
        if self.processes.is_main:
            if metrics is not None:
                metrics.make_durable()
            progress = Progress(
                recipe=self.recipe,
                iteration=self.iteration,
                best_score=self.best_score,
                processes=self.processes.count,
                scaler=self.scaler.state_dict(),
                unlogged=self.meters.sums,
                unlogged_count=self.meters.count,
            )
            weights, optimiser = self.model.state_dict(), self.optimiser.state_dict()
            average = {} if self.average is None else self.average.values
            self.files.save_resume(ResumeState(weights, optimiser, progress, average))
        self.processes.wait()


def step_seed(seed: int, iteration: int, rank: int) -> int:
    """Seed of the random generators (dropout) for one step of one process.

    Seeding each step anew makes resuming exact without saving generators, in every process.
    """
    return int(np.random.SeedSequence((seed, iteration, rank)).generate_state(1, np.uint64)[0] >> 1)
