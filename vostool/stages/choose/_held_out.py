"""Which videos may be used to choose settings: those held out, never those reported on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from vostool.core.errors import UsageError
from vostool.datasets.catalogue import parse_split
from vostool.datasets.selection import Selection
from vostool.training.checkpoints.checkpoint import read_info

log = logging.getLogger(__name__)

TRAINING = "train"
REMEDY = (
    "hold videos out with `vostool split` and pass --split FILE.json:val, or name held-out "
    "training videos with --split train --video NAME"
)


def require_held_out(selection: Selection) -> None:
    """Refuse splits that figures are reported on, and videos that were trained on.

    Accepted are the `val` part of an offline split of training videos, and training videos that
    are named one by one. A data set without a training split (a plain folder) needs names, too.

    Raises:
        UsageError: anything else.
        DataError: the split file cannot be read.
    """
    spec = selection.spec
    file, part = parse_split(spec, selection.split)
    reported = f"{selection.dataset} {part if file is None else file.split}"
    if file is not None:
        file.part(part)
        if part != "val":
            raise UsageError(
                f"the {part!r} part of the offline split is for training, so settings chosen on it "
                "would be those that overfit",
                where=selection.split,
                remedy=REMEDY,
            )
        if not file.split.startswith(TRAINING):
            raise UsageError(
                f"the offline split holds out videos of {reported}, which is reported on",
                where=selection.split,
                remedy=REMEDY,
            )
        return
    trains = any(name.startswith(TRAINING) for name in spec.splits)
    if trains and not selection.split.startswith(TRAINING):
        raise UsageError(
            f"nothing is chosen on the data that it is reported on, and {reported} is what "
            "`vostool evaluate` reports",
            remedy=REMEDY,
        )
    if not selection.videos:
        raise UsageError(f"{reported} as a whole is not held out", remedy=REMEDY)


def warn_if_trained_on(checkpoints: Sequence[Path], selection: Selection) -> None:
    """Say which of the videos named one by one a checkpoint's recipe does not hold out."""
    for path in checkpoints:
        if not selection.videos or Path(path).suffix != ".ckpt":
            continue
        seen = sorted(set(selection.videos) - set(read_info(Path(path)).held_out))
        if seen:
            log.warning(f"the training of {path} does not name as held out: {', '.join(seen)}")
