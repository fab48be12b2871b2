"""`vostool tune`: which views, memory, crop-then-zoom and post-processing score best."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vostool.core.errors import DataError, UsageError
from vostool.core.files import write_json, write_text
from vostool.core.output import Output
from vostool.core.reading import read_json
from vostool.core.toml import toml_text
from vostool.core.typed import require_table
from vostool.datasets.selection import Selection
from vostool.inference.options import InferenceOptions
from vostool.inference.run import Files
from vostool.inference.wrapper import reads, require_files
from vostool.predictions.manifest import file_digest, file_digests
from vostool.stages.choose._held_out import require_held_out, warn_if_trained_on
from vostool.stages.choose.tuning import (
    NetworkSetting,
    StepsSetting,
    Trial,
    TuneResult,
    TuningChoices,
)
from vostool.stages.predict.infer import InferenceSettings, infer
from vostool.stages.predict.inference_recipe import remembered
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
    model_files: Files | None = None,
) -> TuneResult:
    """Try all combinations on held-out videos and write the best one as an inference recipe.

    Args:
        checkpoints: networks, run in step.
        selection: the val part of an offline split, or training videos named one by one.
        output: the recipe, a `.toml` file; resuming keeps the settings that are done.
        work: folder for masks and scores per setting; by default beside `output`.
        settings: what all trials have in common, such as precision, device and short side.
        model_files: by the name of what reads them, such as a tracker.

    Raises:
        UsageError: videos that are reported on; values that make no sense; resuming with other
            networks or videos.
        DataError, CheckpointError, OutputError: as `infer`, `postprocess` and `evaluate`.
    """
    require_held_out(selection)
    networks, post_processings = choices.networks(), choices.post_processings()
    settings = settings or InferenceSettings()
    files = {name: tuple(map(Path, paths)) for name, paths in (model_files or {}).items()}
    _check_files(networks, settings, files)
    out = output.path
    if out.suffix != ".toml":
        raise UsageError("the recipe must be a .toml file", where=out, remedy="--out tuned.toml")
    output.claim_file("recipe")
    warn_if_trained_on(checkpoints, selection)
    trials_in = replace(output, path=work or out.with_name(f"{out.stem}-settings"))
    with trials_in.owned([selection.root]):
        folder = trials_in.claim_folder([selection.root])
        task = _Task(tuple(checkpoints), selection, settings, files, folder, output.overwrite)
        trials: list[Trial] = []
        for number, network in enumerate(networks, 1):
            log.info(f"setting {number} of {len(networks)}: {network.folder}")
            trials += task.try_all(network, post_processings)
        result = TuneResult(tuple(trials), out, task.names())
        used = task.settings_of(result.best.network).execution.model_files
        result = replace(result, model_files=used)
        write_json(folder / "results.json", [trial.as_json() for trial in trials])
        write_text(out, _recipe(result, task))
    return result


def _check_files(
    networks: Sequence[NetworkSetting], settings: InferenceSettings, files: Files
) -> None:
    """Find out whether model files can be used, before anything is run.

    Raises:
        UsageError, DataError: missing or wrong ones, or some that no setting uses.
    """
    used: set[str] = set()
    for network in networks:
        options = network.on_top_of(settings).inference
        require_files(options, files)
        used |= reads(options)
    if unused := sorted(files.keys() - used):
        raise UsageError(
            f"--model-file names {', '.join(unused)}, which no setting uses",
            remedy=f"--crop-zoom default --set crop_zoom.tracker={unused[0]}",
        )


@dataclass(frozen=True)
class _Task:
    """What all trials have in common."""

    checkpoints: tuple[Path, ...]
    selection: Selection
    settings: InferenceSettings
    files: Files
    work: Path
    overwrite: bool

    def settings_of(self, network: NetworkSetting) -> InferenceSettings:
        """Settings of a trial, with the model files that it reads."""
        return network.on_top_of(self.settings).with_files(self.files)

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
            self.settings_of(network),
        )
        return round(result.frames / max(result.seconds, 1e-9), 6) if result.frames else None

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
        settings = self.settings_of(network)
        return {
            "checkpoints": [file_digest(path) for path in self.checkpoints],
            **self.selection.record,
            "videos": sorted(self.selection.videos),
            "settings": settings.inference.model_dump(mode="json"),
            "model_files": file_digests(settings.execution.model_files),
        }

    def _output(self, folder: Path) -> Output:
        return Output(folder, resume=not self.overwrite, overwrite=self.overwrite)

    def names(self) -> tuple[str, ...]:
        """Videos that were scored."""
        first = next(self.work.glob(f"*/{MASKS}/run.json"))
        return tuple(read_json(first)["videos"])


def _known(path: Path, identity: dict[str, Any]) -> dict[str, Any]:
    """Scores of an earlier run of the same setting; {} if there are none."""
    if not path.is_file():
        return {}
    record = require_table(read_json(path), path)
    if not isinstance(record.get("identity"), dict):
        raise DataError("not the scores of a setting", where=path, remedy="delete this file")
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
    defaults = InferenceOptions().model_dump(mode="json")
    chosen = task.settings_of(best.network).inference.model_dump(mode="json")
    inference = {
        name: value
        for name, value in chosen.items()
        if name in ("views", "memory") or value != defaults[name]
    }
    table: dict[str, Any] = {
        "description": f"The best of {len(result.trials)} settings on "
        f"{len(result.videos)} held-out videos of {selection.dataset}",
        "inference": inference,
        "checkpoints": remembered(task.checkpoints, result.recipe),
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
    }
    return toml_text(table)
