"""Trackers of one object's box: what crop-then-zoom asks of one, and finding one by name.

A module of `inference/trackers/` has `FILES` (what model files it takes, in order, for messages),
`DOWNLOAD` (the name under which `vostool download` knows them, or None) and
`open_tracker(files) -> TrackerFactory`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from vostool.core import registry
from vostool.core.errors import DataError, UsageError
from vostool.media.boxes import Box

PACKAGE = "vostool.inference.trackers"


class Tracker(Protocol):
    """Follows the box of one object through the frames after the one it is given in."""

    def start(self, frame: np.ndarray, box: Box) -> None:
        """Learn the object.

        Args:
            frame: uint8 `[H, W, 3]` RGB.
            box: of the object, in pixels.
        """

    def step(self, frame: np.ndarray, mask: np.ndarray | None = None) -> tuple[Box, float]:
        """Find the object in the next frame.

        Args:
            frame: uint8 `[H, W, 3]` RGB.
            mask: bool `[H, W]`, what a preliminary segmentation says; only mask-guided trackers
                look at it.

        Returns:
            The box, and how sure the tracker is, in [0, 1]; 0 where it lost the object.
        """


TrackerFactory = Callable[[], Tracker]

DEFAULT = "mask-box"
"""Needs no model file."""


def make_tracker(name: str = DEFAULT, files: Sequence[Path] = ()) -> TrackerFactory:
    """Get a tracker ready: what it returns makes a new one for each object.

    Raises:
        UsageError: unknown name, or another number of model files than the tracker takes.
        DataError: a model file is missing, empty or not what it should be.
    """
    module = registry.load(PACKAGE, name, kind="tracker")
    wanted: tuple[str, ...] = module.FILES
    if len(files) != len(wanted):
        raise UsageError(_wrong_number(name, wanted, len(files)), remedy=_remedy(name, module))
    for path, role in zip(files, wanted, strict=True):
        if not Path(path).is_file():
            raise DataError(
                f"the model file of tracker {name} is missing: {role}",
                where=path,
                remedy=_remedy(name, module),
            )
        if not Path(path).stat().st_size:
            raise DataError(
                f"the model file of tracker {name} is empty: {role}",
                where=path,
                remedy=_remedy(name, module),
            )
    return module.open_tracker(tuple(Path(path) for path in files))


def _wrong_number(name: str, wanted: Sequence[str], given: int) -> str:
    if not wanted:
        return f"tracker {name} takes no model file, {given} are given"
    return f"tracker {name} takes {len(wanted)} model file(s), {given} are given"


def _remedy(name: str, module: object) -> str:
    wanted: tuple[str, ...] = module.FILES  # type: ignore[attr-defined]
    if not wanted:
        return f"leave --model-file {name}=... out, or choose vit or nano as the tracker"
    pieces = " ".join(f"--model-file {name}={role}" for role in wanted)
    download = module.DOWNLOAD  # type: ignore[attr-defined]
    return f"pass {pieces}; vostool download {download} fetches what it needs"
