"""Learning rate over the iterations, as a pure function of the iteration."""

from __future__ import annotations

import math

from vostool.training.config import ScheduleOptions


def learning_rate_factor(options: ScheduleOptions, iteration: int, iterations: int) -> float:
    """Factor on the learning rate for the step number `iteration` (from 0) of `iterations`.

    The warm-up multiplies the schedule: at step i of w it is (i + 1) / (w + 1).
    """
    warmup = min(1.0, (iteration + 1) / (options.warmup + 1))
    return warmup * _SHAPES[options.name](options, min(iteration / iterations, 1.0))


def _constant(options: ScheduleOptions, progress: float) -> float:
    return 1.0


def _step(options: ScheduleOptions, progress: float) -> float:
    # The small addition keeps 3 * 0.1 from counting as less than 0.3.
    return options.step_factor ** math.floor(progress / options.step_every + 1e-9)


def _poly(options: ScheduleOptions, progress: float) -> float:
    return options.final + (1 - options.final) * (1 - progress) ** options.power


def _cosine(options: ScheduleOptions, progress: float) -> float:
    return options.final + (1 - options.final) * (1 + math.cos(math.pi * progress)) / 2


_SHAPES = {"constant": _constant, "step": _step, "poly": _poly, "cosine": _cosine}
