"""What `ablate` is told besides the plan: folders, checkpoints to reuse, model files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vostool.core.errors import UsageError
from vostool.core.output import Output
from vostool.stages.train.training_data import DataFolders


@dataclass(frozen=True)
class AblationRun:
    """Where an ablation reads and writes, and what of it is done.

    Attributes:
        output: folder for trainings, predictions, scores and the table.
        data: folders of the recipes' data entries and of the videos that are scored.
        init: checkpoint that rows begin with which start from no other row.
        weights: backbone weights for trainings that start from nothing.
        overrides: `a.b=value` for all trainings.
        only: names of rows; all by default. Rows that they need are made too.
        seeds: instead of the file's.
        reuse: (row, seed) -> checkpoint to use instead of training that row.
        model_files: name of what reads them, such as a tracker -> files, in its order.
        device, workers: as for `train`.
    """

    output: Output
    data: DataFolders
    init: Path | None = None
    weights: str | None = None
    overrides: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    reuse: Mapping[tuple[str, int], Path] = field(default_factory=dict)
    model_files: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    device: str = "auto"
    workers: int = 1


def parse_reuse(texts: Sequence[str], seeds: Sequence[int]) -> dict[tuple[str, int], Path]:
    """Read `ROW=FILE` (one seed only) and `ROW:SEED=FILE` texts.

    Raises:
        UsageError: of another form, or the file is missing.
    """
    found: dict[tuple[str, int], Path] = {}
    for text in texts:
        left, _, file = text.partition("=")
        row, colon, seed = left.partition(":")
        if not colon and len(seeds) == 1:
            seed = str(seeds[0])
        if not row or not file or not seed.isdecimal():
            raise UsageError(
                f"cannot use --reuse {text!r}", remedy="write ROW:SEED=CHECKPOINT for each seed"
            )
        if not Path(file).is_file():
            raise UsageError(f"there is no checkpoint for --reuse {row}", where=file)
        found[row, int(seed)] = Path(file)
    return found


def parse_model_files(texts: Sequence[str]) -> dict[str, tuple[Path, ...]]:
    """Read `NAME=FILE` texts; a tracker of several files takes them in its order.

    Raises:
        UsageError: of another form, or the file is missing.
    """
    found: dict[str, tuple[Path, ...]] = {}
    for text in texts:
        name, separator, file = text.partition("=")
        if not separator or not name or not file:
            raise UsageError(
                f"cannot use --model-file {text!r}", remedy="write NAME=FILE, such as vit=..."
            )
        if not Path(file).is_file():
            raise UsageError(
                f"there is no model file for --model-file {name}",
                where=file,
                remedy="vostool download fetches models of trackers",
            )
        found[name] = (*found.get(name, ()), Path(file))
    return found
