"""`vostool tune`: which views, memory, crop-then-zoom and post-processing score best."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vostool.core.errors import UsageError
from vostool.core.files import write_json, write_text
from vostool.core.output import Output
from vostool.core.toml import toml_text
from vostool.datasets.selection import Selection
from vostool.inference.tracker import DEFAULT as DEFAULT_TRACKER
from vostool.inference.tracker import make_tracker
from vostool.predictions.manifest import file_digest
from vostool.stages.choose._held_out import require_held_out, warn_if_trained_on
from vostool.stages.choose.tuning import (
    NetworkSetting,
    StepsSetting,
    Trial,
    TuneResult,
    TuningChoices,
)
from vostool.stages.predict.infer import InferenceSettings, infer
from vostool.stages.predict.inference_recipe import settings_as_json
from vostool.stages.predict.postprocess import postprocess
from vostool.stages.score.evaluate import evaluate

log = logging.getLogger(__name__)

SCORES, MASKS = "scores.json", "masks"


def tune(
    checkpoints: Sequence[Path],
    selection: Selection,
    choices: TuningChoices,
    output: Output,
    *,
    work: Path | None = None,
    settings: InferenceSettings | None = None,
) -> TuneResult:
    """Try all combinations on held-out videos and write the best one as an inference recipe.

    Args:
        checkpoints: networks, run in step.
        selection: the val part of an offline split, or training videos named one by one.
        output: the recipe, a `.toml` file; resuming keeps the settings that are done.
        work: folder for masks and scores per setting; by default beside `output`.
        settings: what all trials have in common (precision, device, short side), and the tracker
            of those with crop-then-zoom.

    Raises:
        UsageError: videos that are reported on; values that make no sense; resuming with other
            networks or videos.
        DataError, CheckpointError, OutputError: as `infer`, `postprocess` and `evaluate`.
    """
    require_held_out(selection)
    networks, post_processings = choices.networks(), choices.post_processings()
    settings = settings or InferenceSettings()
    _check_tracker(networks, settings)
    out = output.path
    if out.suffix != ".toml":
        raise UsageError("the recipe must be a .toml file", where=out, remedy="--out tuned.toml")
    output.claim_file("recipe")
    warn_if_trained_on(checkpoints, selection)
    trials_in = replace(output, path=work or out.with_name(f"{out.stem}-settings"))
    folder = trials_in.claim_folder([selection.root])
    task = _Task(tuple(checkpoints), selection, settings, folder, output.overwrite)
    trials: list[Trial] = []
    for number, network in enumerate(networks, 1):
        log.info(f"setting {number} of {len(networks)}: {network.folder}")
        trials += task.try_all(network, post_processings)
    result = TuneResult(tuple(trials), out, task.names())
    write_json(folder / "results.json", [trial.as_json() for trial in trials])
    write_text(out, _recipe(result, task))
    return result


def _check_tracker(networks: Sequence[NetworkSetting], settings: InferenceSettings) -> None:
    """Raise UsageError or DataError for a tracker that cannot be used, before anything is run."""
    if any(network.zoom is not None for network in networks):
        make_tracker(settings.tracker or DEFAULT_TRACKER, settings.tracker_model)
    elif settings.tracker is not None or settings.tracker_model:
        raise UsageError(
            "a tracker is only used by crop-then-zoom",
            remedy="pass --crop-zoom default too, or leave --tracker and --tracker-model out",
        )


@dataclass(frozen=True)
class _Task:
    """What all trials have in common."""

    checkpoints: tuple[Path, ...]
    selection: Selection
    settings: InferenceSettings
    work: Path
    overwrite: bool

    def try_all(self, network: NetworkSetting, steps: Sequence[StepsSetting]) -> list[Trial]:
        """Run the networks once and score what each of the post-processings makes of it."""
        place = self.work / network.folder
        known = {} if self.overwrite else _known(place / SCORES, self._identity(network))
        done = known.get("figures", {})
        missing = [item for item in steps if item.text not in done]
        record: dict[str, Any] = known or {
            "identity": self._identity(network), "figures": {}, "rate": None
        }  # fmt: skip
        if missing:
            rate = self._run(network, place)
            record["rate"] = record["rate"] if rate is None else rate
        figures = record["figures"]
        for item in missing:
            figures[item.text] = self._score(place, item)
            write_json(place / SCORES, record)
        return [Trial(network, item, figures[item.text], record["rate"]) for item in steps]

    def _run(self, network: NetworkSetting, place: Path) -> float | None:
        """Frames per second, or None if all masks were there."""
        result = infer(
            self.checkpoints,
            self.selection,
            self._output(place / MASKS),
            network.on_top_of(self.settings),
        )
        return round(result.frames / max(result.seconds, 1e-9), 3) if result.frames else None

    def _score(self, place: Path, steps: StepsSetting) -> dict[str, float]:
        masks = place / MASKS
        if steps.names:
            masks = place / steps.folder
            postprocess(
                place / MASKS,
                steps.names,
                self._output(masks),
                settings=steps.values,
                selection=self.selection,
            )
        report = evaluate(masks, self.selection)
        figures = report.figures
        return {name: value for name, value in figures.items() if not math.isnan(value)}

    def _identity(self, network: NetworkSetting) -> dict[str, Any]:
        """What the scores depend on."""
        settings = network.on_top_of(self.settings)
        return {
            "checkpoints": [file_digest(path) for path in self.checkpoints],
            **self.selection.record,
            "videos": sorted(self.selection.videos),
            "settings": settings_as_json(settings),
            "tracker_models": [file_digest(path) for path in settings.tracker_model],
        }

    def _output(self, folder: Path) -> Output:
        return Output(folder, resume=not self.overwrite, overwrite=self.overwrite)

    def names(self) -> tuple[str, ...]:
        """Videos that were scored."""
        first = next(self.work.glob(f"*/{MASKS}/run.json"))
        return tuple(json.loads(first.read_text(encoding="utf-8"))["videos"])


def _known(path: Path, identity: dict[str, Any]) -> dict[str, Any]:
    """Scores of an earlier run of the same setting; {} if there are none."""
    if not path.is_file():
        return {}
    record = json.loads(path.read_text(encoding="utf-8"))
    if record["identity"] != identity:
        keys = [key for key, value in identity.items() if record["identity"].get(key) != value]
        raise UsageError(
            f"the settings tried before had other {', '.join(keys)}",
            where=path.parent,
            remedy="choose another --work, or pass --overwrite to start anew",
        )
    return record


def _recipe(result: TuneResult, task: _Task) -> str:
    """The best setting as an inference recipe."""
    best, selection = result.best, task.selection
    figure = next(iter(best.figures))
    defaults = settings_as_json(InferenceSettings())
    chosen = settings_as_json(best.network.on_top_of(task.settings))
    inference = {
        name: value
        for name, value in chosen.items()
        if name in ("tta", "memory") or value != defaults[name]
    }
    table: dict[str, Any] = {
        "description": f"The best of {len(result.trials)} settings on "
        f"{len(result.videos)} held-out videos of {selection.dataset}",
        "inference": inference,
    }
    if best.steps.names:
        table["postprocess"] = {"steps": list(best.steps.names)}
        if best.steps.values:
            table["postprocess"]["settings"] = list(best.steps.values)
    table["tuned"] = {
        "dataset": selection.dataset,
        "split": Path(selection.split).name,
        "videos": list(result.videos),
        "figure": figure,
        "score": round(best.score, 6),
        "first_score": round(result.trials[0].score, 6),
        "checkpoints": [file_digest(path) for path in task.checkpoints],
    }
    return toml_text(table)
