"""What `tune` tries: settings as text, the trials, and how they are shown and kept."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table

from vostool.core.errors import UsageError
from vostool.core.figures import per_cent, rate
from vostool.core.options import assign, read_assignment
from vostool.inference.execution import Execution
from vostool.inference.options import InferenceOptions, InferenceSettings
from vostool.inference.run import Files
from vostool.postprocess.chain import parse_steps, split_setting

NONE, DEFAULT = "none", "default"
ZOOM = "crop_zoom"
OPTIONS = InferenceOptions.model_fields.keys() | Execution.model_fields.keys()
"""What `set` may name besides parameters of steps."""
TOGETHER = "+"
"""Between memory strategies that are one setting."""
LONGEST_NAME = 100
"""Characters of a folder's name; what is longer is cut, and told apart by a digest."""


@dataclass(frozen=True)
class NetworkSetting:
    """What makes a run of the networks.

    Attributes:
        tta: views.
        memory: strategies that run in step.
        max_memory: permanent frames per object, or "none".
        crop_zoom: "none", "default" or thresholds, as it was written.
        more: other options, such as "crop_zoom.tracker=vit".
    """

    tta: str
    memory: tuple[str, ...]
    max_memory: str = NONE
    crop_zoom: str = NONE
    more: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """A file name that says which setting it is."""
        limit = "" if self.max_memory == NONE else f"_max-{self.max_memory}"
        zoom = "" if self.crop_zoom == NONE else f"_zoom-{self.crop_zoom}"
        more = "".join(f"_{item}" for item in self.more)
        return folder_name(f"{self.tta}_{TOGETHER.join(self.memory)}{limit}{zoom}{more}")

    def on_top_of(self, settings: InferenceSettings) -> InferenceSettings:
        """Settings with this one's values. Raises UsageError for wrong ones."""
        table: dict[str, Any] = {
            "views": self.tta, "memory": list(self.memory), "max_memory": self.max_memory
        }  # fmt: skip
        if self.crop_zoom != NONE:
            texts = [] if self.crop_zoom == DEFAULT else self.crop_zoom.split(",")
            table["crop_zoom"] = {}
            assign(
                table["crop_zoom"], [read_assignment(x, "--crop-zoom", "margin=3") for x in texts]
            )
        assign(table, map(read_assignment, self.more))
        return settings.changed(**table)


@dataclass(frozen=True)
class StepsSetting:
    """Post-processing: steps in order (none of them: the masks as they are), and parameters.

    Attributes:
        names: of the steps.
        values: such as "drop-small.min-area=64".
    """

    names: tuple[str, ...] = ()
    values: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """As tables show it."""
        return " ".join([",".join(self.names) or NONE, *self.values])

    @property
    def folder(self) -> str:
        """A file name that says which setting it is."""
        return folder_name(TOGETHER.join([*self.names, *self.values]))


@dataclass(frozen=True)
class TuningChoices:
    """The values to try; every combination is a setting.

    Attributes:
        tta: each such as "none" or "flip,0.75,1.0".
        memory: each such as "every:5", or "every:5+visible" for two in step.
        max_memory: each a number of frames, or "none".
        crop_zoom: each "none", "default", or thresholds such as "margin=3,zoom_height=240".
        steps: each such as "keep-near-last,drop-small", or "none".
        set: each such as "drop-small.min-area=64" or "crop_zoom.tracker=vit"; all values of one
            parameter are tried, with the `steps` that have the step, or with all networks.
    """

    tta: tuple[str, ...] = (NONE,)
    memory: tuple[str, ...] = ("every:5",)
    max_memory: tuple[str, ...] = (NONE,)
    crop_zoom: tuple[str, ...] = (NONE,)
    steps: tuple[str, ...] = (NONE,)
    set: tuple[str, ...] = ()

    def networks(self) -> list[NetworkSetting]:
        """Settings of the networks, in the order given, checked.

        Raises:
            UsageError: a value that makes no sense, or one given twice.
        """
        for name in ("tta", "memory", "max_memory", "crop_zoom", "set"):
            _refuse_twice(name, getattr(self, name))
        by_option: dict[str, list[str]] = {}
        for text in self.set:
            item = read_assignment(text)
            if item.path[0] in OPTIONS:
                by_option.setdefault(item.name, []).append(text)
        found = [
            NetworkSetting(tta, tuple(memory.split(TOGETHER)), limit, zoom, self._kept(zoom, more))
            for tta, memory, limit, zoom, *more in itertools.product(
                self.tta, self.memory, self.max_memory, self.crop_zoom, *by_option.values()
            )
        ]
        by_settings = {
            item.on_top_of(InferenceSettings()).model_dump_json(): item for item in found
        }
        found = list(dict.fromkeys(found))
        if len(by_settings) < len(found):
            raise UsageError("two of the values to try are the same setting", remedy="drop one")
        return found

    def _kept(self, zoom: str, more: Sequence[str]) -> tuple[str, ...]:
        """Thresholds of crop-then-zoom are of no use to settings without it."""
        about_zoom = [text for text in more if text.startswith(f"{ZOOM}.")]
        if about_zoom and set(self.crop_zoom) == {NONE}:
            raise UsageError(
                f"--set {about_zoom[0]}: no --crop-zoom switches it on",
                remedy="--crop-zoom default",
            )
        return tuple(text for text in more if zoom != NONE or text not in about_zoom)

    def post_processings(self) -> list[StepsSetting]:
        """Settings of the post-processing, in the order given, checked.

        Raises:
            UsageError: as `networks`; a parameter of a step that is nowhere in `steps`.
        """
        _refuse_twice("steps", self.steps)
        by_step: dict[str, dict[str, list[str]]] = {}
        values = [text for text in self.set if read_assignment(text).path[0] not in OPTIONS]
        for setting in values:
            step, parameter, value = split_setting(setting)
            by_step.setdefault(step, {}).setdefault(parameter, []).append(value)
        found, used = [], set()
        for text in self.steps:
            names = _step_names(text)
            used |= set(names)
            tried = [
                [f"{name}.{parameter}={value}" for value in values]
                for name in names
                for parameter, values in by_step.get(name, {}).items()
            ]
            found += [StepsSetting(names, values) for values in itertools.product(*tried)]
        for setting in values:
            step = split_setting(setting)[0]
            if step not in used:
                raise UsageError(
                    f"--set {setting}: no --steps has {step}", remedy="add it, or drop the --set"
                )
        for item in found:
            parse_steps(item.names, item.values)
        _refuse_twice("set", [item.text for item in found])
        return found


def folder_name(text: str) -> str:
    """A name for a folder that tells the text, in characters that every file system takes."""
    name = re.sub(r"[^A-Za-z0-9.,+_-]", "-", text)
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[: LONGEST_NAME - 9]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _step_names(text: str) -> tuple[str, ...]:
    """Post-processing steps of a setting."""
    names = (name.strip().replace("_", "-") for name in text.split(","))
    return () if text == NONE else tuple(name for name in names if name)


def _refuse_twice(name: str, values: Sequence[Any]) -> None:
    if any(value in values[:index] for index, value in enumerate(values)):
        raise UsageError(f"--{name.replace('_', '-')} lists a value twice")


SHOWN = ("tta", "memory", "max-memory", "crop-zoom", "more", "steps")
ALWAYS = ("tta", "memory")
"""Columns of the table; the others are left out where nothing but none was tried."""


@dataclass(frozen=True)
class Trial:
    """A setting with its figures on the held-out videos, the one that ranks first.

    Attributes:
        rate: frames per second of the networks, None where they were not run anew.
    """

    network: NetworkSetting
    steps: StepsSetting
    figures: dict[str, float]
    rate: float | None

    @property
    def choices(self) -> dict[str, str]:
        """What was tried, as tables show it."""
        return {
            "tta": self.network.tta,
            "memory": TOGETHER.join(self.network.memory),
            "max-memory": self.network.max_memory,
            "crop-zoom": self.network.crop_zoom,
            "more": " ".join(self.network.more) or NONE,
            "steps": self.steps.text,
        }

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
            "crop_zoom": self.network.crop_zoom,
            "steps": list(self.steps.names),
            "set": [*self.network.more, *self.steps.values],
            "figures": self.figures,
            "frames_per_second": self.rate,
        }


@dataclass(frozen=True)
class TuneResult:
    """All trials in the order given.

    Attributes:
        recipe: the inference recipe that was written.
        videos: that were scored.
        model_files: that the best setting reads, by name.
    """

    trials: tuple[Trial, ...]
    recipe: Path
    videos: tuple[str, ...]
    model_files: Files = field(default_factory=dict)

    @property
    def best(self) -> Trial:
        """The highest score; of equals the first listed."""
        return max(self.trials, key=lambda trial: trial.score)

    def table(self) -> Table:
        """Settings and figures, the best one marked."""
        names = [name for name in self.best.figures if "Decay" not in name]
        columns = {name: [trial.choices[name] for trial in self.trials] for name in SHOWN}
        told = [name for name, texts in columns.items() if name in ALWAYS or set(texts) != {NONE}]
        table = Table(title=f"{len(self.videos)} held-out videos, in per cent")
        for name in told:
            table.add_column(name)
        for name in (*names, "speed", ""):
            table.add_column(name, justify="right")
        for trial in self.trials:
            table.add_row(
                *(trial.choices[name] for name in told),
                *(per_cent(trial.figures[name]) for name in names),
                "-" if trial.rate is None else rate(trial.rate, 1, "frames"),
                "best" if trial is self.best else "",
            )
        return table
