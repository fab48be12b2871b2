"""Scores the last checkpoints of a run on held-out videos and makes the best one `best.ckpt`.

Scores differ much from epoch to epoch (paper 004, section 4), so the spread is reported with them,
and the mean of the best checkpoints' weights can be tried.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from rich.table import Table

from vostool.core.errors import DataError, UsageError
from vostool.core.figures import per_cent
from vostool.core.files import write_json
from vostool.core.folder_lock import sole_owner
from vostool.core.reading import read_json
from vostool.core.typed import require_table
from vostool.datasets.selection import Selection as HeldOut
from vostool.inference.validation import Validation
from vostool.nn.precision import resolve_device, resolve_precision
from vostool.recipe import Recipe, parse_recipe, with_overrides
from vostool.reporting.spread import Spread
from vostool.stages.predict.load import load_segmenter
from vostool.stages.train.training_data import DataFolders, held_out_selection, held_out_videos
from vostool.training.checkpoints.averaging import average_checkpoints
from vostool.training.checkpoints.checkpoint import describe, load_weights, save_checkpoint
from vostool.training.checkpoints.run_folder import RECIPE, SELECTION, RunFolder

log = logging.getLogger(__name__)


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
    """Result of scoring checkpoints.

    Attributes:
        checkpoints: oldest first.
        videos: that were scored.
        held_out: the same as videos of their data set.
        average: the mean of the best ones' weights, if that was asked for.
        averaged: which ones those were.
    """

    checkpoints: tuple[ScoredCheckpoint, ...]
    videos: tuple[str, ...]
    held_out: HeldOut
    average: ScoredCheckpoint | None = None
    averaged: tuple[ScoredCheckpoint, ...] = ()

    @property
    def best(self) -> ScoredCheckpoint:
        """The highest score; of equals the oldest, and a single checkpoint before an average."""
        best = max(self.checkpoints, key=lambda item: item.score)
        if self.average is not None and self.average.score > best.score:
            return self.average
        return best

    @property
    def spread(self) -> tuple[float, float]:
        """Difference of highest and lowest score, and their standard deviation."""
        scores = [item.score for item in self.checkpoints]
        return max(scores) - min(scores), Spread.of(scores).deviation

    def spread_of(self, figure: str) -> Spread:
        """Of one figure over the checkpoints, averages left out."""
        return Spread.of([item.figures[figure] for item in self.checkpoints])

    def as_json(self) -> dict:
        """All of it, as JSON can hold it."""
        value = {
            "videos": list(self.videos),
            "best": self.best.path.name,
            "range": self.spread[0],
            "standard_deviation": self.spread[1],
            "spread": {name: self.spread_of(name).as_json() for name in self.best.figures},
            "checkpoints": [
                {"file": item.path.name, "iteration": item.iteration, "figures": item.figures}
                for item in self.checkpoints
            ],
        }
        if self.average is not None:
            value["average"] = {
                "file": self.average.path.name if self.best is self.average else None,
                "of": [item.path.name for item in self.averaged],
                "figures": self.average.figures,
                "kept": self.best is self.average,
            }
        return value

    def table(self) -> Table:
        """Checkpoints and figures; the best one is marked, the spread is below."""
        names = [name for name in self.best.figures if "Decay" not in name]
        range_ = f"{next(iter(self.best.figures))}: range {per_cent(self.spread[0])}"
        table = Table(title=f"{len(self.videos)} held-out videos, in per cent", caption=range_)
        for name in ("checkpoint", *names, ""):
            table.add_column(name, justify="left" if name in ("checkpoint", "") else "right")
        for item in (*self.checkpoints, *([self.average] if self.average else [])):
            figures = [per_cent(item.figures[name]) for name in names]
            table.add_row(item.path.name, *figures, "best" if item is self.best else "")
        table.add_section()
        spreads = [self.spread_of(name).as_json() for name in names]
        for label, part in (
            ("mean", "mean"),
            ("standard deviation", "deviation"),
            ("lowest", "lowest"),
            ("highest", "highest"),
        ):
            table.add_row(label, *(per_cent(item[part]) for item in spreads), "")
        return table


def select(
    run: Path,
    data: DataFolders,
    *,
    last: int | None = None,
    average: int | None = None,
    overrides: Sequence[str] = (),
    videos: Sequence[str] = (),
    device: str = "auto",
) -> Selection:
    """Score checkpoints of a run on its held-out videos; copy the best one to `best.ckpt`.

    Writes `selection.json` into the run's folder.

    Args:
        run: folder of a training run.
        data: folder of the validation's data entry, and the offline split if it uses one.
        last: how many of the newest checkpoints; all that are there by default.
        average: also score the mean of the weights of so many of the best checkpoints; it becomes
            `best.ckpt` only if it scores higher than each of them.
        overrides: `validation.KEY=value` to score other videos or more frames than the training.
        videos: names of the videos to score, instead of the training's.

    Raises:
        DataError: not a run's folder, no checkpoints, or videos missing.
        UsageError: no folder for the validation's videos, a wrong override, or an average of
            fewer than two checkpoints or of more than there are.
        CheckpointError: a damaged checkpoint.
        OutputError: another process writes into the run's folder.
    """
    trained = _recipe(run)
    named = [f"validation.videos={json.dumps(list(videos))}"] if videos else []
    recipe = with_overrides(trained, [*overrides, *named])
    files = RunFolder(run)
    entries = files.entries()[-(last or 0) :]
    if not entries:
        raise DataError("the run has no checkpoints", where=run, remedy="train it first")
    if average is not None and not 2 <= average <= len(entries):
        raise UsageError(
            f"cannot average {average} of {len(entries)} checkpoints",
            remedy=f"choose --average from 2 to {len(entries)}",
        )
    validation = held_out_videos(recipe, data)
    _warn_if_trained_on(trained, recipe)
    where = resolve_device(device)
    dtype = resolve_precision(recipe.loop.precision, where, training=True)
    with sole_owner(run):  # against a training that goes on, too
        scored = []
        for entry in entries:
            model, _ = load_segmenter(run / entry.file, where)
            figures = validation.score(model, dtype)
            scored.append(ScoredCheckpoint(run / entry.file, entry.iteration, figures))
            log.info(f"{entry.file}: {next(iter(figures))} {per_cent(scored[-1].score)} %")
        names = tuple(video.name for video in validation.videos)
        result = Selection(tuple(scored), names, held_out_selection(recipe, data))
        if average is not None:
            result = _with_average(result, average, validation, where, dtype)
        files.make_best(result.best.path)
        write_json(run / SELECTION, result.as_json())
        return result


def _with_average(
    single: Selection,
    count: int,
    validation: Validation,
    device: torch.device,
    dtype: torch.dtype | None,
) -> Selection:
    """Score the mean of the best checkpoints' weights; save it if it is better than all."""
    ranked = sorted(single.checkpoints, key=lambda item: -item.score)[:count]
    weights, info = average_checkpoints([item.path for item in ranked])
    model, _ = load_segmenter(ranked[0].path, device)
    load_weights(model, weights, ranked[0].path)
    iteration = max(item.iteration for item in ranked)
    path = ranked[0].path.with_name(f"average-{count}.ckpt")
    figures = validation.score(model, dtype)
    average = ScoredCheckpoint(path, iteration, figures)
    result = replace(single, average=average, averaged=tuple(ranked))
    scores = (
        f"{per_cent(average.score)} % against {per_cent(single.best.score)} % of "
        f"{single.best.path.name}"
    )
    if result.best is average:
        save_checkpoint(path, model, describe(info.recipe, iteration, figures))
        log.info(f"the average of {count} is better, {scores}, and was kept as {path.name}")
    else:
        path.unlink(missing_ok=True)
        log.info(f"the average of {count} is not better, {scores}, and was not kept")
    return result


def _recipe(run: Path) -> Recipe:
    path = run / RECIPE
    try:
        return parse_recipe(require_table(read_json(path), path), str(path))
    except DataError as error:
        raise DataError(
            "not the folder of a training run", where=run, remedy="give what `train --out` named"
        ) from error


def _warn_if_trained_on(trained: Recipe, recipe: Recipe) -> None:
    """Selecting on videos that were trained on picks the most overfitted checkpoint."""
    seen = set(recipe.validation.videos) - set(trained.validation.videos)
    if seen:
        log.warning(f"the training did not hold out {', '.join(sorted(seen))}")
