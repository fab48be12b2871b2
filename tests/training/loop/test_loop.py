"""The loop: exact resuming, accumulation, best checkpoint, stopping in good order."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import Dataset

from vostool.core.errors import CheckpointError, DataError, UsageError
from vostool.core.types import Clip
from vostool.models import Prediction
from vostool.training.checkpoints.checkpoint import read_checkpoint
from vostool.training.checkpoints.resuming import check_same_run
from vostool.training.clips.feeding import batch_numbers
from vostool.training.config import (
    CheckpointOptions,
    LoopOptions,
    OptimiserOptions,
    ScheduleOptions,
)
from vostool.training.loop.distributed import Processes
from vostool.training.loop.metrics_log import read_metrics
from vostool.training.loop.run import TrainingOptions, TrainingStopped
from vostool.training.loop.trainer import Trainer

RECIPE = {"loop": {"seed": 0}, "model": {"name": "stub"}}


class Stub(nn.Module):
    """Classifies pixels: convolution, BatchNorm and dropout, as real networks have them."""

    def __init__(self, dropout: float = 0.3) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.net = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Conv2d(8, 3, 1),
        )

    def forward(self, clip: Clip) -> Prediction:
        frames = clip.images[:, 1:]
        return Prediction.of_logits(self.net(frames.flatten(0, 1)).unflatten(0, frames.shape[:2]))


class Clips(Dataset[Clip]):
    """Sample number -> random clip; `broken` raises a user's error, `poisoned` holds NaN."""

    def __init__(self, broken: int = -1, poisoned: int = -1):
        self.broken, self.poisoned = broken, poisoned

    def __getitem__(self, number: int) -> Clip:
        if number == self.broken:
            raise DataError("unreadable", where="frame 7", remedy="repair it")
        generator = torch.Generator().manual_seed(number)
        labels = torch.randint(0, 3, (1, 3, 8, 8), generator=generator)
        images = torch.rand(1, 3, 3, 8, 8, generator=generator) + 0.3 * labels[:, :, None]
        if number == self.poisoned:
            images[0, 1, 0, 0, 0] = float("nan")
        return Clip(images, labels, torch.ones(1, 2, dtype=torch.bool))


def options(iterations: int = 6, **loop) -> TrainingOptions:
    values = {"batch": 2, "log_every": 1, "precision": "fp32"} | loop
    return TrainingOptions(
        loop=LoopOptions(iterations=iterations, **values),
        optimiser=OptimiserOptions(learning_rate=1e-2),
        schedule=ScheduleOptions(name="cosine", warmup=2),
        checkpoints=CheckpointOptions(every=2),
    )


def trainer(
    folder: Path, chosen: TrainingOptions, model: nn.Module | None = None, **more
) -> Trainer:
    folder.mkdir(exist_ok=True)
    processes = Processes(torch.device("cpu"))
    return Trainer(model or Stub(), chosen, RECIPE, folder, processes, **more)


def weights_of(folder: Path, iteration: int) -> dict[str, torch.Tensor]:
    return read_checkpoint(folder / f"iteration-{iteration:08d}.ckpt")[0]


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def losses(folder: Path) -> list[tuple[int, float]]:
    records = read_metrics(folder / "metrics.jsonl")
    return [(r["iteration"], r["loss"]) for r in records if r["kind"] == "train"]


@pytest.mark.parametrize("workers", [0, 1])
def test_interrupted_and_resumed_equals_uninterrupted(tmp_path: Path, workers: int) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    trainer(whole, options()).run(Clips())
    for _ in range(3):
        part = trainer(parts, options())
        if part.files.resume_file.exists():
            part.resume()
        result = part.run(Clips(), workers=workers, max_seconds=0)
        assert not result.finished
    assert result.iteration == 3
    last = trainer(parts, options())
    last.resume()
    assert last.run(Clips(), workers=workers).finished
    assert same(weights_of(whole, 6), weights_of(parts, 6))
    assert losses(whole) == losses(parts)
    assert [iteration for iteration, _ in losses(parts)] == [1, 2, 3, 4, 5, 6]


def test_a_line_of_the_log_is_the_mean_of_its_steps_also_across_an_interruption(
    tmp_path: Path,
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    trainer(whole, options(log_every=4)).run(Clips())
    trainer(parts, options(log_every=4)).run(Clips(), max_seconds=0)
    last = trainer(parts, options(log_every=4))
    last.resume()
    assert last.iteration == 1
    last.run(Clips())
    assert losses(whole) == losses(parts)
    assert [iteration for iteration, _ in losses(parts)] == [4, 6]


def test_a_crash_after_a_checkpoint_is_resumed_from_it(tmp_path: Path) -> None:
    whole, crashed = tmp_path / "whole", tmp_path / "crashed"
    trainer(whole, options()).run(Clips())
    with pytest.raises(DataError, match="unreadable"):
        trainer(crashed, options()).run(Clips(broken=6))
    again = trainer(crashed, options())
    again.resume()
    assert again.iteration == 2
    again.run(Clips())
    assert same(weights_of(whole, 6), weights_of(crashed, 6))
    assert losses(whole) == losses(crashed)


def test_sigterm_saves_and_says_how_to_go_on(tmp_path: Path, caplog) -> None:
    class Terminating(Clips):
        def __getitem__(self, number: int) -> Clip:
            if number == 4:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().__getitem__(number)

    caplog.set_level("INFO", logger="vostool")
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "run", options()).run(Terminating())
    assert signal.getsignal(signal.SIGTERM) is before
    assert "after 3 of 6 iterations" in caplog.text
    again = trainer(tmp_path / "run", options())
    again.resume()
    again.run(Clips())
    trainer(tmp_path / "whole", options()).run(Clips())
    assert same(weights_of(tmp_path / "run", 6), weights_of(tmp_path / "whole", 6))


def test_a_signal_to_all_processes_at_once_is_survived(tmp_path: Path) -> None:
    class Terminated(Stub):
        steps = 0

        def forward(self, clip: Clip) -> Prediction:
            self.steps += 1
            if self.steps == 3:
                for process in multiprocessing.active_children():
                    os.kill(process.pid, signal.SIGTERM)
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(0.5)  # torch raises here if a worker has died
            return super().forward(clip)

    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "run", options(), Terminated()).run(Clips(), workers=1)
    again = trainer(tmp_path / "run", options())
    again.resume()
    assert again.iteration == 3


class Failing(Stub):
    """Fails in the third step, after the process was asked to stop."""

    def __init__(self, words: str):
        super().__init__()
        self.words, self.steps = words, 0

    def forward(self, clip: Clip) -> Prediction:
        self.steps += 1
        if self.steps == 3:
            os.kill(os.getpid(), signal.SIGTERM)
            raise RuntimeError(self.words)
        return super().forward(clip)


def test_a_loading_process_that_dies_of_the_signal_too_is_an_interrupt(tmp_path: Path) -> None:
    lost = "DataLoader worker (pid 7) is killed by signal: Terminated. "
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "run", options(), Failing(lost)).run(Clips())


def test_other_errors_after_a_signal_are_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="CUDA error"):
        trainer(tmp_path / "run", options(), Failing("CUDA error: illegal access")).run(Clips())


def test_training_lowers_the_loss_and_leaves_statistics_alone(tmp_path: Path) -> None:
    model = Stub(dropout=0.0)
    before = model.net[1].running_mean.clone()
    trainer(tmp_path / "run", options(30), model).run(Clips())
    history = [loss for _, loss in losses(tmp_path / "run")]
    assert sum(history[-5:]) < 0.92 * sum(history[:5])
    assert torch.equal(model.net[1].running_mean, before)
    assert int(model.net[1].num_batches_tracked) == 0


def test_accumulation_equals_a_large_batch(tmp_path: Path) -> None:
    for name, values in (("large", {"batch": 4}), ("summed", {"batch": 1, "accumulation": 4})):
        trainer(tmp_path / name, options(**values), Stub(dropout=0.0)).run(Clips())
    large, summed = weights_of(tmp_path / "large", 6), weights_of(tmp_path / "summed", 6)
    for name, value in large.items():
        torch.testing.assert_close(summed[name], value, rtol=1e-3, atol=1e-4)


def test_best_checkpoint_is_kept_and_validation_leaves_no_trace(tmp_path: Path, caplog) -> None:
    figures = iter([0.3, 0.8, 0.5])
    modes = []

    def validate(model: nn.Module, dtype: torch.dtype | None) -> dict[str, float]:
        modes.append(model.training)
        torch.rand(5)
        return {"J&F-Mean": next(figures), "other": 1.0}

    from dataclasses import replace

    run = tmp_path / "validated"
    with caplog.at_level(logging.INFO, "vostool"):
        result = trainer(run, replace(options(), validate_every=2), validate=validate).run(Clips())
    assert "validation after 4 iterations: J&F-Mean 80.00 %" in caplog.messages
    assert modes == [False, False, False]
    assert (result.best_score, result.best) == (0.8, run / "best.ckpt")
    assert read_checkpoint(run / "best.ckpt")[1].iteration == 4
    trainer(tmp_path / "plain", options()).run(Clips())
    assert same(weights_of(run, 6), weights_of(tmp_path / "plain", 6))
    kinds = [record["kind"] for record in read_metrics(run / "metrics.jsonl")]
    assert kinds.count("validation") == 3


def test_the_mean_of_the_weights_is_scored_and_saved_and_resumed_exactly(tmp_path: Path) -> None:
    """Against the definition, on weights saved after each step of a run without a mean."""
    from dataclasses import replace

    scored = []

    def validate(model: nn.Module, dtype: torch.dtype | None) -> dict[str, float]:
        scored.append(model.state_dict()["net.0.weight"].clone())
        return {"s": float(len(scored))}

    every = CheckpointOptions(every=1)
    plain = replace(options(), checkpoints=every)
    torch.manual_seed(3)
    trainer(tmp_path / "plain", plain).run(Clips())
    expected = {name: value.clone() for name, value in Stub().state_dict().items()}
    chosen = replace(options(average=0.2), validate_every=6, checkpoints=every)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    trainer(whole, chosen, validate=validate).run(Clips())
    for step in range(1, 7):
        now = weights_of(tmp_path / "plain", step)
        share = 1 - min(0.2, (1 + step) / (10 + step))
        for name in expected:
            if expected[name].is_floating_point():
                expected[name] = expected[name] + share * (now[name] - expected[name])
        saved = weights_of(whole, step)
        assert all(torch.allclose(saved[k], expected[k], atol=1e-6) for k in expected)
    assert torch.equal(scored[0], weights_of(whole, 6)["net.0.weight"])
    assert same(read_checkpoint(whole / "best.ckpt")[0], weights_of(whole, 6))
    for _ in range(2):
        part = trainer(parts, chosen, validate=validate)
        if part.files.resume_file.exists():
            part.resume()
        part.run(Clips(), max_seconds=0)
    last = trainer(parts, chosen, validate=validate)
    last.resume()
    last.run(Clips())
    assert losses(whole) == losses(parts) == losses(tmp_path / "plain")
    assert same(weights_of(whole, 6), weights_of(parts, 6))
    other = trainer(tmp_path / "plain", chosen, validate=validate)
    with pytest.raises(CheckpointError, match="saved mean is of other parameters"):
        other.resume()


def test_the_share_of_waiting_is_in_the_metrics(tmp_path: Path) -> None:
    class Slow(Clips):
        def __getitem__(self, number: int) -> Clip:
            time.sleep(0.03)
            return super().__getitem__(number)

    trainer(tmp_path / "run", options()).run(Slow())
    shares = [record["data_share"] for record in read_metrics(tmp_path / "run/metrics.jsonl")]
    assert 0.3 < min(shares) <= max(shares) <= 1


def test_best_score_survives_resuming(tmp_path: Path) -> None:
    from dataclasses import replace

    chosen = replace(options(), validate_every=1)
    run = tmp_path / "run"
    trainer(run, chosen, validate=lambda *_: {"s": 0.9}).run(Clips(), max_seconds=0)
    again = trainer(run, chosen, validate=lambda *_: {"s": 0.1})
    again.resume()
    assert again.run(Clips()).best_score == 0.9
    assert read_checkpoint(run / "best.ckpt")[1].iteration == 1


def test_nan_stops_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(
        TrainingStopped, match=r"not finite at iteration 4.*iteration-00000002\.ckpt"
    ):
        trainer(tmp_path / "run", options()).run(Clips(poisoned=7))
    weights = weights_of(tmp_path / "run", 2)
    assert all(torch.isfinite(value).all() for value in weights.values())


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loading_error_stays_one_sentence(tmp_path: Path, workers: int) -> None:
    with pytest.raises(DataError) as caught:
        trainer(tmp_path / "run", options()).run(Clips(broken=3), workers=workers)
    assert str(caught.value) == "unreadable (frame 7): repair it"


def test_bf16_trains(tmp_path: Path) -> None:
    trainer(tmp_path / "run", options(2, precision="bf16")).run(Clips())
    assert weights_of(tmp_path / "run", 2)["net.0.weight"].dtype is torch.float32


def test_fp16_is_refused_on_a_processor(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="fp16"):
        trainer(tmp_path / "run", options(precision="fp16"))


def test_resuming_another_run_is_refused(tmp_path: Path) -> None:
    run = trainer(tmp_path / "run", options())
    run.run(Clips(), max_seconds=0)
    progress, alone = run.files.read_resume().progress, run.processes
    check_same_run(progress, RECIPE | {"validation": {"every": 3}}, alone, tmp_path)
    other = {"loop": {"seed": 1}, "model": {"name": "stub"}}
    with pytest.raises(UsageError, match=r"loop\.seed was 0, is 1"):
        check_same_run(progress, other, alone, tmp_path)
    with pytest.raises(UsageError, match="1 processes, not 2"):
        check_same_run(progress, RECIPE, Processes(alone.device, 0, 2), tmp_path)


@pytest.mark.parametrize(("accumulation", "processes"), [(1, 1), (3, 1), (1, 2), (2, 3)])
def test_every_sample_is_taken_once_in_order(accumulation: int, processes: int) -> None:
    per_step = 2 * accumulation * processes
    for iteration in range(3):
        taken = [
            number
            for rank in range(processes)
            for numbers in batch_numbers(iteration, 2, accumulation, rank, processes)
            for number in numbers
        ]
        assert sorted(taken) == list(range(iteration * per_step, (iteration + 1) * per_step))


def test_two_processes_take_what_one_with_twice_the_batch_takes() -> None:
    alone = batch_numbers(5, 4, 3)
    shared = [batch_numbers(5, 2, 3, rank, 2) for rank in range(2)]
    assert [first + second for first, second in zip(*shared, strict=True)] == alone
