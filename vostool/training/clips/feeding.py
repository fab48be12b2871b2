"""Clips for the loop, loaded ahead in processes of their own."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import cv2
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from vostool.core.errors import VostoolError
from vostool.core.interrupts import ending_signals
from vostool.core.types import Clip
from vostool.training.config import LoopOptions

SECONDS_AFTER_SIGTERM = 15
"""How long a loading process lives on: enough for the main process to end its step and save."""


def batch_numbers(
    iteration: int, batch: int, accumulation: int = 1, rank: int = 0, processes: int = 1
) -> list[list[int]]:
    """Sample numbers that a process takes in an iteration, one list per forward pass.

    An iteration as a whole takes `batch * accumulation * processes` consecutive numbers, whatever
    the number of processes: two with batch 2 see what one with batch 4 sees.
    """
    first = iteration * batch * accumulation * processes
    starts = [first + (step * processes + rank) * batch for step in range(accumulation)]
    return [list(range(start, start + batch)) for start in starts]


class _Passes(Sampler[list[int]]):
    """Sample numbers of each forward pass, from one iteration to the end."""

    def __init__(self, options: LoopOptions, start: int, rank: int, processes: int):
        self.options, self.start, self.rank, self.processes = options, start, rank, processes

    def __len__(self) -> int:
        return (self.options.iterations - self.start) * self.options.accumulation

    def __iter__(self) -> Iterator[list[int]]:
        batch, accumulation = self.options.batch, self.options.accumulation
        for iteration in range(self.start, self.options.iterations):
            yield from batch_numbers(iteration, batch, accumulation, self.rank, self.processes)


def samples_per_iteration(options: LoopOptions, processes: int) -> int:
    """Clips of one optimiser step over all processes."""
    return options.accumulation * options.batch * processes


def total_samples(options: LoopOptions, processes: int) -> int:
    """Clips of a whole run over all processes."""
    return options.iterations * samples_per_iteration(options, processes)


def clip_loader(
    dataset: Dataset[Clip],
    options: LoopOptions,
    *,
    start: int = 0,
    rank: int = 0,
    processes: int = 1,
    workers: int = 0,
) -> DataLoader:
    """A loader of clips, one batch per forward pass of this process.

    Args:
        dataset: sample number -> clip with B = 1, a pure function of the number.
        start: iteration to begin with.
        rank, processes: this process among all.
        workers: loading processes; 0 loads in this one.
    """
    if workers:
        # A forked process that inherits OpenCV's pool of threads hangs when it ends that pool, so
        # the pool has to go here, before the fork.
        cv2.setNumThreads(1)
    return DataLoader(
        _Guarded(dataset),
        batch_sampler=_Passes(options, start, rank, processes),
        num_workers=workers,
        collate_fn=_collate,
        worker_init_fn=_start_worker,
        prefetch_factor=4 if workers else None,
        # Loaders draw a base seed; a generator of their own keeps that out of the model's.
        generator=torch.Generator().manual_seed(0),
    )


def next_clip(clips: Iterator[Clip | VostoolError]) -> Clip:
    """The next batch of a loader's iterator. Raises what reading it raised, in one sentence."""
    clip = next(clips)
    if isinstance(clip, VostoolError):
        raise clip
    return clip


def end_workers(clips: Iterator[Clip | VostoolError]) -> None:
    """End the loading processes of a loader's iterator at once.

    Left to the garbage collector, an exception's traceback would keep them until the very end.
    """
    end = getattr(clips, "_shutdown_workers", None)
    if end is not None:
        end()


class _Guarded(Dataset):
    """Carries a user's error out of a loading process as a value.

    Raised there, torch would turn its one sentence into that process's traceback.
    """

    def __init__(self, dataset: Dataset[Clip]):
        self.dataset = dataset

    def __getitem__(self, number: int) -> Clip | VostoolError:
        try:
            return self.dataset[number]
        except VostoolError as error:
            return error


def _collate(clips: list[Clip | VostoolError]) -> Clip | VostoolError:
    errors = (clip for clip in clips if isinstance(clip, VostoolError))
    return next(errors, None) or Clip.collate([clip for clip in clips if isinstance(clip, Clip)])


def _start_worker(_: int) -> None:
    """One thread each; signals are for the main process, which then stops its workers.

    Ctrl-C and job schedulers signal all processes at once; a worker that died of it would take the
    step in hand with it.
    """
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Not ignored for good: at the end of a process, multiprocessing terminates and awaits workers.
    for number in ending_signals():
        signal.signal(number, lambda *_: signal.alarm(SECONDS_AFTER_SIGTERM))
