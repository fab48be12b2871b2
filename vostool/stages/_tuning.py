"""What `tune` tries: settings as text, the trials, and how they are shown and kept."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.table import Table

from vostool.core.errors import UsageError
from vostool.inference.strategies import parse_strategies
from vostool.inference.views import parse_views
from vostool.postprocess._steps import parse_steps
from vostool.stages.infer import InferenceSettings

NONE = "none"
TOGETHER = "+"
"""Between memory strategies that are one setting."""


@dataclass(frozen=True)
class NetworkSetting:
    """What makes a run of the networks.

    Attributes:
        tta: views.
        memory: strategies that run in step.
        max_memory: permanent frames per object.
    """

    tta: str
    memory: tuple[str, ...]
    max_memory: int | None

    @property
    def folder(self) -> str:
        """A file name that says which setting it is."""
        limit = "" if self.max_memory is None else f"_max-{self.max_memory}"
        text = f"{self.tta}_{TOGETHER.join(self.memory)}{limit}"
        return re.sub(r"[^A-Za-z0-9.,+_-]", "-", text)

    def on_top_of(self, settings: InferenceSettings) -> InferenceSettings:
        """Settings with this one's values."""
        return replace(settings, tta=self.tta, memory=self.memory, max_memory=self.max_memory)


@dataclass(frozen=True)
class TuningChoices:
    """The values to try; every combination is a setting.

    Attributes:
        tta: each such as "none" or "flip,0.75,1.0".
        memory: each such as "every:5", or "every:5+visible" for two in step.
        max_memory: each a number of frames, or "none".
        steps: each such as "keep-near-last,drop-small", or "none".
    """

    tta: tuple[str, ...] = (NONE,)
    memory: tuple[str, ...] = ("every:5",)
    max_memory: tuple[str, ...] = (NONE,)
    steps: tuple[str, ...] = (NONE,)

    def networks(self) -> list[NetworkSetting]:
        """Settings of the networks, in the order given, checked.

        Raises:
            UsageError: a value that makes no sense, or one given twice.
        """
        for name in ("tta", "memory", "max_memory", "steps"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                raise UsageError(f"--{name.replace('_', '-')} lists a value twice")
        found = [
            NetworkSetting(tta, tuple(memory.split(TOGETHER)), _limit(limit))
            for tta, memory, limit in itertools.product(self.tta, self.memory, self.max_memory)
        ]
        for setting in found:
            parse_views(setting.tta)
            parse_strategies(setting.memory)
        for text in self.steps:
            if text != NONE:
                parse_steps(step_names(text))
        return found


def step_names(text: str) -> tuple[str, ...]:
    """Post-processing steps of a setting."""
    return () if text == NONE else tuple(name.strip() for name in text.split(",") if name.strip())


def _limit(text: str) -> int | None:
    if text == NONE:
        return None
    if not text.isdigit() or int(text) < 1:
        raise UsageError(f"--max-memory {text} makes no sense", remedy="a number, or none")
    return int(text)


@dataclass(frozen=True)
class Trial:
    """A setting with its figures on the held-out videos, the one that ranks first.

    Attributes:
        rate: frames per second of the networks, None where they were not run anew.
    """

    network: NetworkSetting
    steps: str
    figures: dict[str, float]
    rate: float | None

    @property
    def score(self) -> float:
        """The figure that ranks."""
        return next(iter(self.figures.values()))

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            "tta": self.network.tta,
            "memory": list(self.network.memory),
            "max_memory": self.network.max_memory,
            "steps": list(step_names(self.steps)),
            "figures": self.figures,
            "frames_per_second": self.rate,
        }


@dataclass(frozen=True)
class TuneResult:
    """All trials in the order given.

    Attributes:
        recipe: the inference recipe that was written.
        videos: that were scored.
    """

    trials: tuple[Trial, ...]
    recipe: Path
    videos: tuple[str, ...]

    @property
    def best(self) -> Trial:
        """The highest score; of equals the first listed."""
        return max(self.trials, key=lambda trial: trial.score)

    def table(self) -> Table:
        """Settings and figures, the best one marked."""
        names = [name for name in self.best.figures if "Decay" not in name]
        table = Table(title=f"{len(self.videos)} held-out videos")
        for name in ("tta", "memory", "max-memory", "steps"):
            table.add_column(name)
        for name in (*names, "frames/s", ""):
            table.add_column(name, justify="right")
        for trial in self.trials:
            network = trial.network
            limit = NONE if network.max_memory is None else str(network.max_memory)
            table.add_row(
                network.tta,
                TOGETHER.join(network.memory),
                limit,
                trial.steps,
                *(f"{trial.figures[name]:.4f}" for name in names),
                "-" if trial.rate is None else f"{trial.rate:.2f}",
                "best" if trial is self.best else "",
            )
        return table
