"""Scores the last checkpoints of a run on held-out videos and makes the best one `best.ckpt`."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from vostool.core.console import Console
from vostool.core.errors import DataError
from vostool.core.files import write_json
from vostool.nn.precision import resolve_device, resolve_precision
from vostool.recipe import Recipe, parse_recipe, with_overrides
from vostool.stages._training_data import DataFolders, held_out_videos
from vostool.stages.load import load_segmenter
from vostool.training.run_folder import RunFolder

RECIPE, SELECTION = "recipe.json", "selection.json"


@dataclass(frozen=True)
class ScoredCheckpoint:
    """A checkpoint with its figures on the held-out videos, the one that ranks first."""

    path: Path
    iteration: int
    figures: dict[str, float]

    @property
    def score(self) -> float:
        """The figure that ranks."""
        return next(iter(self.figures.values()))


@dataclass(frozen=True)
class Selection:
    """Result of scoring checkpoints, oldest first."""

    checkpoints: tuple[ScoredCheckpoint, ...]
    videos: tuple[str, ...]

    @property
    def best(self) -> ScoredCheckpoint:
        """The highest score; of equals the oldest."""
        return max(self.checkpoints, key=lambda item: item.score)

    @property
    def spread(self) -> tuple[float, float]:
        """Difference of highest and lowest score, and their standard deviation."""
        scores = [item.score for item in self.checkpoints]
        return max(scores) - min(scores), statistics.pstdev(scores)

    def as_json(self) -> dict:
        """All of it, as JSON can hold it."""
        return {
            "videos": list(self.videos),
            "best": self.best.path.name,
            "range": self.spread[0],
            "standard_deviation": self.spread[1],
            "checkpoints": [
                {"file": item.path.name, "iteration": item.iteration, "figures": item.figures}
                for item in self.checkpoints
            ],
        }

    def table(self) -> Table:
        """Checkpoints and figures; the best one is marked, the spread is below."""
        names = [name for name in self.best.figures if "Decay" not in name]
        spread = f"range {self.spread[0]:.4f}, standard deviation {self.spread[1]:.4f}"
        table = Table(title=f"{len(self.videos)} held-out videos", caption=spread)
        for name in ("checkpoint", *names, ""):
            table.add_column(name, justify="left" if name in ("checkpoint", "") else "right")
        for item in self.checkpoints:
            figures = [f"{item.figures[name]:.4f}" for name in names]
            table.add_row(item.path.name, *figures, "best" if item is self.best else "")
        return table


def select(
    run: Path,
    data: DataFolders,
    *,
    last: int | None = None,
    overrides: Sequence[str] = (),
    device: str = "auto",
    console: Console | None = None,
) -> Selection:
    """Score checkpoints of a run on its held-out videos; copy the best one to `best.ckpt`.

    Writes `selection.json` into the run's folder.

    Args:
        run: folder of a training run.
        data: folder of the validation's data entry, and the offline split if it uses one.
        last: how many of the newest checkpoints; all that are there by default.
        overrides: `validation.KEY=value` to score other videos or more frames than the training.

    Raises:
        DataError: not a run's folder, no checkpoints, or videos missing.
        UsageError: no folder for the validation's videos, or a wrong override.
        CheckpointError: a damaged checkpoint.
    """
    console = console or Console.silent()
    trained = _recipe(run)
    recipe = with_overrides(trained, overrides)
    files = RunFolder(run)
    entries = files.entries()[-(last or 0) :]
    if not entries:
        raise DataError("the run has no checkpoints", where=run, remedy="train it first")
    validation = held_out_videos(recipe, data)
    _warn_if_trained_on(trained, recipe, console)
    where = resolve_device(device)
    dtype = resolve_precision(recipe.loop.precision, where)
    scored = []
    for entry in entries:
        model, _ = load_segmenter(run / entry.file, where)
        figures = validation.score(model, dtype, console)
        scored.append(ScoredCheckpoint(run / entry.file, entry.iteration, figures))
        console.info(f"{entry.file}: {next(iter(figures))} {scored[-1].score:.4f}")
    result = Selection(tuple(scored), tuple(video.name for video in validation.videos))
    files.make_best(result.best.path)
    write_json(run / SELECTION, result.as_json())
    return result


def _recipe(run: Path) -> Recipe:
    path = run / RECIPE
    try:
        return parse_recipe(json.loads(path.read_text(encoding="utf-8")), str(path))
    except (OSError, ValueError) as error:
        raise DataError(
            "not the folder of a training run", where=run, remedy="give what `train --out` named"
        ) from error


def _warn_if_trained_on(trained: Recipe, recipe: Recipe, console: Console) -> None:
    """Selecting on videos that were trained on picks the most overfitted checkpoint."""
    seen = set(recipe.validation.videos) - set(trained.validation.videos)
    if seen:
        console.warn(f"the training did not hold out {', '.join(sorted(seen))}")
