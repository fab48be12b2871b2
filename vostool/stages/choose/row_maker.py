"""Makes the networks and scores of an ablation file's rows, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vostool.core.errors import UsageError, VostoolError
from vostool.core.files import write_json
from vostool.core.output import Output
from vostool.core.reading import read_json
from vostool.core.typed import require_table
from vostool.datasets.selection import Selection
from vostool.inference.execution import Execution
from vostool.inference.wrapper import reads, require_files
from vostool.predictions.manifest import file_digest, file_digests
from vostool.recipe import Recipe, load_recipe, parse_recipe
from vostool.stages.choose.ablation_fit import fitted_merge
from vostool.stages.choose.ablation_plan import AblationPlan, Evaluation, Row, inference_of
from vostool.stages.choose.ablation_run import AblationRun
from vostool.stages.choose.row_outcome import Outcome, Trial
from vostool.stages.predict.infer import InferenceSettings, infer
from vostool.stages.predict.postprocess import postprocess
from vostool.stages.score.evaluate import evaluate
from vostool.stages.train.train import TrainingRun, train
from vostool.stages.train.training_data import DataFolders
from vostool.training.checkpoints.run_folder import RunFolder

RESULT, ROWS = "result.json", "rows"


class RowMaker:
    """Makes networks and scores of rows, each once.

    Args:
        plan: the rows.
        run: folders and settings.
        shared: the trial of rows that all trials share; without it each trial makes its own.
    """

    def __init__(self, plan: AblationPlan, run: AblationRun, shared: Trial | None = None):
        self._plan, self._run, self._shared = plan, run, shared
        self._made: dict[tuple[str, Trial], tuple[Path, ...]] = {}

    def check(self, wanted: Sequence[Row], trials: Sequence[Trial]) -> None:
        """Find mistakes before anything is trained.

        Raises:
            UsageError: wrong recipes or overrides, or folders or trackers' files that are missing
                or of no use.
            DataError: a tracker's file is missing or is not what it should be.
        """
        plan = self._plan
        entries = {part.entry for part in (plan.evaluate, plan.fit) if part is not None}
        for row in self._plan.row:
            for stage in row.train:
                entries |= load_recipe(stage.recipe, stage.set).data.keys()
        unknown = sorted(self._run.data.folders.keys() - entries)
        if unknown:
            raise UsageError(
                f"no row has a data entry {', '.join(unknown)}",
                remedy=f"there are {', '.join(sorted(entries))}",
            )
        for trial in trials:
            self._videos(trial)
            if any(row.fit for row in wanted):
                self._fit_videos(trial)
        for row in wanted:
            self._check_row(row)
        self._check_trackers(wanted)

    def _check_row(self, row: Row) -> None:
        for name in row.sources:
            self._check_row(self._plan.named(name))
        for number in range(len(row.train)):
            self._recipe(row, number, 0)

    def is_scored(self, row: Row) -> bool:
        """Rows that are made for others only are not, unless they are asked for."""
        return row.shown or row.name in self._run.only

    def _check_trackers(self, wanted: Sequence[Row]) -> None:
        unused = set(self._run.model_files)
        for row in self._plan.row:
            settings = self._settings(row)
            unused -= reads(settings.inference)
            if row not in wanted or not self.is_scored(row):
                continue
            try:
                require_files(settings.inference, settings.execution.model_files)
            except VostoolError as error:
                where = f"row {row.name}" + (f", {error.where}" if error.where else "")
                raise type(error)(error.what, where=where, remedy=error.remedy) from error
        if unused:
            raise UsageError(
                f"--model-file names {', '.join(sorted(unused))}, which no row uses",
                remedy='rows use a tracker with inference = { crop_zoom = { tracker = "..." } }',
            )

    def _recipe(self, row: Row, number: int, seed: int) -> Recipe:
        stage = row.train[number]
        sets = [*stage.set, *self._run.overrides, f"loop.seed={seed}"]
        return load_recipe(stage.recipe, sets)

    def _folder(self, row: Row, trial: Trial) -> Path:
        return self._run.output.path / ROWS / row.name / trial.folder

    def networks(self, row: Row, trial: Trial) -> tuple[Path, ...]:
        """Checkpoints of a row, trained if they are not there."""
        if row.shared and self._shared is not None:
            trial = self._shared
        if (row.name, trial) not in self._made:
            self._made[row.name, trial] = self._make(row, trial)
        return self._made[row.name, trial]

    def _make(self, row: Row, trial: Trial) -> tuple[Path, ...]:
        if (row.name, trial.seed) in self._run.reuse:
            return (self._run.reuse[row.name, trial.seed],)
        if row.members:
            members = [self._plan.named(name) for name in row.members]
            return tuple(path for item in members for path in self.networks(item, trial))
        start = self._run.init
        if row.start is not None:
            (start,) = self.networks(self._plan.named(row.start), trial)
        for number in range(len(row.train)):
            recipe = self._recipe(row, number, trial.seed)
            folder = self._folder(row, trial) / f"{number + 1}-{recipe.name}"
            start = self._train(recipe, folder, start, trial)
        assert start is not None
        return (start,)

    def _train(self, recipe: Recipe, folder: Path, start: Path | None, trial: Trial) -> Path:
        run, files = self._run, RunFolder(folder)
        anew = run.output.overwrite
        if not anew and _is_finished(files, recipe):
            return files.best
        folders = {n: path for n, path in run.data.folders.items() if n in recipe.data}
        result = train(
            recipe,
            TrainingRun(
                _output(folder, anew or not files.resume_file.exists()),
                data=DataFolders(folders, trial.split_file),
                init=start,
                weights=None if start else run.weights,
                device=run.device,
                workers=run.workers,
            ),
        )
        assert result.finished and result.best is not None
        return result.best

    def scores(self, row: Row, trial: Trial) -> Outcome:
        """What came of a row: scored anew, or read where nothing it depends on has changed."""
        networks, folder = self.networks(row, trial), self._folder(row, trial)
        made_of = self._made_of(row, trial, networks)
        known = None if self._run.output.overwrite else _read(folder / RESULT)
        if known is not None and known["made_of"] == made_of:
            return Outcome.read(known)
        outcome = self._evaluate(row, trial, networks)
        write_json(folder / RESULT, {"made_of": made_of, **asdict(outcome)})
        return outcome

    def earlier(self, row: Row, trials: Sequence[Trial]) -> dict[Trial, Outcome]:
        """What an earlier run of these very settings left."""
        found = {}
        for trial in trials:
            known = _read(self._folder(row, trial) / RESULT)
            settings = self._made_of(row, trial, ())
            del settings["checkpoints"]
            if known is not None and settings.items() <= known["made_of"].items():
                found[trial] = Outcome.read(known)
        return found

    def _made_of(self, row: Row, trial: Trial, networks: Sequence[Path]) -> dict[str, Any]:
        """What the figures depend on."""
        videos, settings = self._videos(trial), self._settings(row)
        digests = file_digests(settings.execution.model_files)
        return {
            "checkpoints": [file_digest(path) for path in networks],
            "inference": settings.inference.model_dump(mode="json"),
            **({"model_files": digests} if digests else {}),
            "postprocess": row.postprocess.model_dump(mode="json"),
            **(self._fitting(row, trial) if row.fit else {}),
            "overrides": list(self._run.overrides),
            "dataset": videos.dataset,
            "split": Path(videos.split).name,
            "videos": sorted(videos.videos),
        }

    def _settings(self, row: Row) -> InferenceSettings:
        execution = Execution(device=self._run.device)
        inference = inference_of(self._plan, row)
        settings = InferenceSettings(inference=inference, execution=execution)
        return settings.with_files(self._run.model_files)

    def _videos(self, trial: Trial) -> Selection:
        """Those that are scored."""
        return self._selection(self._plan.evaluate, trial, "scored")

    def _fit_videos(self, trial: Trial) -> Selection:
        """Those that merging is fitted on."""
        assert self._plan.fit is not None
        return self._selection(self._plan.fit, trial, "fitted on")

    def _selection(self, what: Evaluation, trial: Trial, use: str) -> Selection:
        data, split_file = self._run.data, trial.split_file
        if what.entry not in data.folders:
            raise UsageError(
                f"the videos that are {use} were not given: {what.entry}",
                remedy=f"--data {what.entry}=FOLDER",
            )
        if what.section and split_file is None:
            raise UsageError(
                f"the videos that are {use} are the held-out ones of an offline split",
                remedy="write one with `vostool split` and pass --split-file FILE",
            )
        split = f"{split_file}:val" if what.section else str(what.split)
        return Selection(what.dataset, data.folders[what.entry], split, what.videos)

    def _fitting(self, row: Row, trial: Trial) -> dict[str, Any]:
        """What a fitted merge depends on."""
        assert self._plan.fit is not None
        return {
            "fit": row.fit,
            "fit_options": self._plan.fit.options.model_dump(mode="json"),
            "fit_videos": sorted(self._fit_videos(trial).videos),
        }

    def _evaluate(self, row: Row, trial: Trial, networks: Sequence[Path]) -> Outcome:
        videos, anew = self._videos(trial), self._run.output.overwrite
        folder, settings = self._folder(row, trial), self._settings(row)
        masks = folder / "predictions"
        if row.fit and self._plan.fit is not None:
            settings = fitted_merge(
                networks,
                self._fit_videos(trial),
                settings,
                folder / "fit",
                kind=row.fit,
                options=self._plan.fit.options,
                overwrite=anew,
            )
        infer(networks, videos, _output(masks, anew), settings)
        if row.postprocess.steps:
            raw, masks = masks, folder / "postprocessed"
            postprocess(
                raw,
                row.postprocess.steps,
                _output(masks, anew),
                settings=row.postprocess.settings,
                selection=videos,
            )
        report = evaluate(masks, videos, json=folder / "scores.json")
        return Outcome.of(report, folder if row.train else None)


def _output(folder: Path, anew: bool) -> Output:
    return Output(folder, resume=not anew, overwrite=anew)


def _is_finished(files: RunFolder, recipe: Recipe) -> bool:
    """Whether a training is at its end. Raises UsageError if it was of another recipe."""
    path, entries = files.folder / "recipe.json", files.entries()
    if not path.is_file() or not entries or not files.best.is_file():
        return False
    stored = parse_recipe(require_table(read_json(path), path), str(path))
    if stored.resolved() != recipe.resolved():
        raise UsageError(
            "this row was trained with another recipe, other overrides or another version",
            where=files.folder,
            remedy="choose another --out, or pass --overwrite to train all rows anew",
        )
    return entries[-1].iteration >= recipe.loop.iterations


def _read(path: Path) -> dict[str, Any] | None:
    return require_table(read_json(path), path) if path.is_file() else None
