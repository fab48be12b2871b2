"""A training step of a recipe's network, with what makes it quick and without.

Rows: plain layers as they were written; BatchNorm folded while training; that and weights laid out
with channels last, as `vostool train` has them on processors; that with the trunk's first stages
frozen (`optimiser.frozen_stride=4`, which changes what is learnt); the plain layers in bf16. They
take turns, so that a machine that becomes slower becomes so for all; the median counts.

Example: `python benchmarks/bench_training.py famnet-mnv2-small --threads 1`
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from typing import Any

import torch
from _measure import CLOCKS, positive
from rich.console import Console
from rich.table import Table
from torch import nn

from vostool.core.allocator import keep_freed_memory
from vostool.core.types import Clip
from vostool.nn.precision import autocast
from vostool.nn.trunk import Trunk
from vostool.recipe import Recipe, build_model, load_recipe
from vostool.training.objective import objective_of
from vostool.training.optimisation.optimiser import (
    build_optimiser,
    gradient_norm,
    put_channels_last,
    train_mode,
)


def random_clip(recipe: Recipe) -> Clip:
    """A batch as the recipe asks for, with one object in each clip."""
    options = recipe.clip if any(item.video for item in recipe.data.values()) else recipe.synthesis
    height, width = options.crop
    generator = torch.Generator().manual_seed(0)
    size = (recipe.loop.batch, options.frames)
    labels = torch.zeros(*size, height, width, dtype=torch.long)
    labels[..., height // 4 : 3 * height // 4, width // 4 : width // 2] = 1
    images = torch.rand(*size, 3, height, width, generator=generator)
    return Clip(images, labels, torch.ones(size[0], 1, dtype=torch.bool))


def step_of(
    recipe: Recipe,
    *,
    folded: bool = True,
    channels_last: bool = True,
    frozen_stride: int | None = None,
    dtype: torch.dtype | None = None,
) -> Callable[[], None]:
    """One optimiser step, as the training loop makes it, on a network of its own."""
    torch.manual_seed(0)
    model = build_model(recipe.model, weights="none")
    train_mode(model)
    if channels_last:
        put_channels_last(model)
    if not folded:
        without_folding(model)
    options = recipe.optimiser.model_copy(update={"frozen_stride": frozen_stride})
    optimiser, objective = build_optimiser(model, options), objective_of(recipe.losses)
    clip = random_clip(recipe)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        with autocast(torch.device("cpu"), dtype):
            prediction = model(clip)
        objective(prediction, clip)["loss"].backward()
        gradient_norm(model.parameters(), recipe.loop.clip_norm)
        optimiser.step()

    return step


def without_folding(model: nn.Module) -> None:
    """Have all trunks run their layers one by one."""
    for part in model.modules():
        if isinstance(part, Trunk):
            part._pairs = ()


ROWS: dict[str, dict[str, Any]] = {
    "plain": {"folded": False, "channels_last": False},
    "folded": {"channels_last": False},
    "folded, channels last": {},
    "and frozen up to stride 4": {"frozen_stride": 4},
    "plain, bf16": {"folded": False, "channels_last": False, "dtype": torch.bfloat16},
}


def main(arguments: list[str] | None = None) -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", nargs="?", default="famnet-mnv2-small")
    parser.add_argument("--set", action="append", default=[], help="override: loop.batch=2")
    parser.add_argument("--steps", type=positive, default=3, help="measured of each row")
    parser.add_argument("--threads", type=positive, default=1)
    parser.add_argument("--clock", choices=CLOCKS, default="cpu")
    given = parser.parse_args(arguments)
    keep_freed_memory()
    torch.set_num_threads(given.threads)
    recipe, clock = load_recipe(given.recipe, given.set), CLOCKS[given.clock]
    steps = {name: step_of(recipe, **values) for name, values in ROWS.items()}
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(given.steps + 1):
        for name, step in steps.items():
            started = clock()
            step()
            if turn:
                seconds[name].append(clock() - started)
    table = Table(title=f"{recipe.name}, batch {recipe.loop.batch}, {given.threads} thread(s)")
    for column in ("step", "seconds", "samples per second", "to plain"):
        table.add_column(column, justify="left" if column == "step" else "right")
    plain = statistics.median(seconds["plain"])
    for name, values in seconds.items():
        middle = statistics.median(values)
        rate = recipe.loop.batch / middle
        table.add_row(name, f"{middle:.3f}", f"{rate:.2f}", f"{plain / middle:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
