"""`vostool tune`: which views, memory, crop-then-zoom and post-processing score best."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vostool.core.errors import OutputError, UsageError
from vostool.core.files import claim_output_folder, write_json, write_text
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
from vostool.stages.predict.infer import InferenceSettings, VideoChoice, infer
from vostool.stages.predict.inference_recipe import settings_as_json
from vostool.stages.predict.postprocess import DatasetChoice, postprocess
from vostool.stages.score.evaluate import evaluate
from vostool.stages.train.recipes import toml_text

log = logging.getLogger(__name__)

SCORES, MASKS = "scores.json", "masks"


def tune(
    checkpoints: Sequence[Path],
    videos: VideoChoice,
    choices: TuningChoices,
    out: Path,
    *,
    work: Path | None = None,
    settings: InferenceSettings | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> TuneResult:
    """Try all combinations on held-out videos and write the best one as an inference recipe.

    Args:
        checkpoints: networks, run in step.
        videos: the val part of an offline split, or training videos named one by one.
        out: the recipe, a `.toml` file.
        work: folder for masks and scores per setting; by default beside `out`.
        settings: what all trials have in common (precision, device, short side), and the tracker
            of those with crop-then-zoom.
        resume: keep the settings that are done.

    Raises:
        UsageError: videos that are reported on; values that make no sense; resuming with other
            networks or videos.
        DataError, CheckpointError, OutputError: as `infer`, `postprocess` and `evaluate`.
    """
    require_held_out(videos)
    networks, post_processings = choices.networks(), choices.post_processings()
    settings = settings or InferenceSettings()
    _check_tracker(networks, settings)
    if out.suffix != ".toml":
        raise UsageError("the recipe must be a .toml file", where=out, remedy="--out tuned.toml")
    if out.exists() and not (resume or overwrite):
        raise OutputError("the recipe exists", where=out, remedy="pass --resume or --overwrite")
    warn_if_trained_on(checkpoints, videos)
    folder = work or out.with_name(f"{out.stem}-settings")
    claim_output_folder(folder, resume=resume, overwrite=overwrite)
    task = _Task(tuple(checkpoints), videos, settings, folder, overwrite)
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
    videos: VideoChoice
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
            self.videos,
            place / MASKS,
            network.on_top_of(self.settings),
            resume=not self.overwrite,
            overwrite=self.overwrite,
        )
        return round(result.frames / max(result.seconds, 1e-9), 3) if result.frames else None

    def _score(self, place: Path, steps: StepsSetting) -> dict[str, float]:
        masks, choice = place / MASKS, self.videos
        if steps.names:
            masks = place / steps.folder
            postprocess(
                place / MASKS,
                steps.names,
                masks,
                settings=steps.values,
                dataset=DatasetChoice(choice.dataset, choice.root, choice.split),
                resume=not self.overwrite,
                overwrite=self.overwrite,
            )
        report = evaluate(
            masks,
            choice.dataset,
            choice.root,
            choice.split,
            videos=choice.names or None,
        )
        figures = report.figures
        return {name: value for name, value in figures.items() if not math.isnan(value)}

    def _identity(self, network: NetworkSetting) -> dict[str, Any]:
        """What the scores depend on."""
        settings = network.on_top_of(self.settings)
        return {
            "checkpoints": [file_digest(path) for path in self.checkpoints],
            "dataset": self.videos.dataset,
            "split": self.videos.split,
            "videos": sorted(self.videos.names),
            "settings": settings_as_json(settings),
            "tracker_models": [file_digest(path) for path in settings.tracker_model],
        }

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
    best, videos = result.best, task.videos
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
        f"{len(result.videos)} held-out videos of {videos.dataset}",
        "inference": inference,
    }
    if best.steps.names:
        table["postprocess"] = {"steps": list(best.steps.names)}
        if best.steps.values:
            table["postprocess"]["settings"] = list(best.steps.values)
    table["tuned"] = {
        "dataset": videos.dataset,
        "split": Path(videos.split).name,
        "videos": list(result.videos),
        "figure": figure,
        "score": round(best.score, 6),
        "first_score": round(result.trials[0].score, 6),
        "checkpoints": [file_digest(path) for path in task.checkpoints],
    }
    return toml_text(table)
