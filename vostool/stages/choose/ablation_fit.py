"""Rows of members whose merging is fitted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Literal

from vostool.core.output import Output
from vostool.datasets.selection import Selection
from vostool.ensembling.fitting import FitOptions
from vostool.ensembling.options import MergeOptions
from vostool.stages.choose.fit_ensemble import fit_ensemble
from vostool.stages.predict.infer import InferenceSettings, infer


def fitted_merge(
    networks: Sequence[Path],
    videos: Selection,
    settings: InferenceSettings,
    folder: Path,
    *,
    kind: Literal["learned", "weighted"],
    options: FitOptions,
    overwrite: bool,
) -> InferenceSettings:
    """Settings that merge as fitted: each member is run alone on the videos first.

    Args:
        networks: checkpoints; with each memory strategy of the settings each is a member.
        videos: with ground truth; no network was trained on them.
        folder: gets the members' predictions and the fitted file.
        overwrite: whether finished predictions are made again.

    Raises:
        as `infer` and `fit_ensemble`.
    """
    members: list[Path] = []
    for network, memory in product(networks, settings.inference.memory.written):
        members.append(folder / f"member-{len(members) + 1}")
        output = Output(members[-1], resume=not overwrite, overwrite=overwrite)
        infer([network], videos, output, _alone(settings, memory))
    file = folder / "merge.safetensors"
    fit_ensemble(members, videos, Output(file, overwrite=True), kind=kind, options=options, folds=0)
    merge = MergeOptions(method="learned", weights=str(file))
    return settings.changed(merge=merge)


def _alone(settings: InferenceSettings, memory: str) -> InferenceSettings:
    """One member's settings, which keep its probabilities."""
    return settings.changed(memory=(memory,), save_probabilities=True)
