"""`vostool ablate`: trains or reuses the rows of a published table, scores them, and compares."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vostool.core.errors import UsageError, VostoolError
from vostool.core.files import write_json, write_text
from vostool.core.output import Output
from vostool.core.reading import read_json
from vostool.core.typed import require_table
from vostool.datasets.selection import Selection
from vostool.inference.execution import Execution
from vostool.inference.wrapper import reads, require_files
from vostool.predictions.manifest import file_digest, file_digests
from vostool.recipe import Recipe, load_recipe, parse_recipe
from vostool.reporting.ablation import AblationReport, row_reports
from vostool.stages.choose.ablation_plan import AblationPlan, Evaluation, Row, inference_of
from vostool.stages.choose.ablation_run import AblationRun, parse_model_files, parse_reuse
from vostool.stages.predict.infer import InferenceSettings, infer
from vostool.stages.predict.postprocess import postprocess
from vostool.stages.score.evaluate import evaluate
from vostool.stages.train.train import TrainingRun, train
from vostool.stages.train.training_data import DataFolders
from vostool.training.checkpoints.run_folder import RunFolder

log = logging.getLogger(__name__)

__all__ = ["AblationRun", "ablate", "parse_model_files", "parse_reuse"]

RESULT, TABLE, NUMBERS, ROWS = "result.json", "ablation.md", "ablation.json", "rows"


def ablate(plan: AblationPlan, run: AblationRun) -> AblationReport:
    """Make every row for every seed and write `ablation.md` and `ablation.json` after each.

    When the output is resumed, finished trainings, predictions and scores are kept, an interrupted
    training goes on, and rows that were made before are in the table even when `run.only` leaves
    them out.

    Raises:
        UsageError: unknown rows, folders missing, trackers without their files, or the output holds
            rows made in another way.
        OutputError: the output is not empty and neither resumed nor overwritten.
        Others as `train`, `infer`, `postprocess` and `evaluate`.
    """
    seeds = run.seeds or plan.seeds
    wanted = plan.needed(run.only)
    _check_reuse(plan, run, seeds)
    maker = _Maker(plan, run)
    maker.check(wanted)
    inputs = list(run.data.folders.values())
    with run.output.owned(inputs):
        out = run.output.claim_folder(inputs)
        figures: dict[str, dict[int, dict[str, float]]] = {}
        for row in plan.row if run.output.resume else ():
            figures[row.name] = maker.earlier(row, seeds)
        report = _report(plan, run, seeds, figures)
        for row in wanted:
            for seed in seeds:
                if maker.is_scored(row):
                    log.info(f"row {row.name}, seed {seed}")
                    figures.setdefault(row.name, {})[seed] = maker.scores(row, seed)
                    report = _report(plan, run, seeds, figures)
                    write_json(out / NUMBERS, report.as_json())
                    write_text(out / TABLE, report.as_markdown())
        return report


def _check_reuse(plan: AblationPlan, run: AblationRun, seeds: Sequence[int]) -> None:
    for name, seed in run.reuse:
        if plan.named(name).members:
            raise UsageError(f"row {name} runs other rows' networks: reuse those", where=name)
        if seed not in seeds:
            raise UsageError(f"--reuse names seed {seed}, which is not among the seeds", where=name)


def _report(
    plan: AblationPlan,
    run: AblationRun,
    seeds: Sequence[int],
    figures: dict[str, dict[int, dict[str, float]]],
) -> AblationReport:
    first = next((f for by_seed in figures.values() for f in by_seed.values()), {})
    figure = plan.figure or next(iter(first), "figure")
    if first and figure not in first:
        raise UsageError(
            f"the ablation file asks for the figure {figure!r}", remedy=f"there is {list(first)}"
        )
    scored_on = _scored_on(plan.evaluate, run.data.split_file)
    tables = plan.published()
    rows = row_reports(tables, figures)
    return AblationReport(tables, rows, figure, scored_on, tuple(seeds), run.overrides)


def _scored_on(what: Evaluation, split_file: Path | None) -> str:
    videos = f" ({', '.join(what.videos)})" if what.videos else ""
    if what.section:
        name = split_file.name if split_file else "an offline split"
        return f"{what.dataset}, held-out videos of {name}{videos}"
    return f"{what.dataset} {what.split}{videos}"


class _Maker:
    """Makes networks and scores of rows, each once."""

    def __init__(self, plan: AblationPlan, run: AblationRun):
        self._plan, self._run = plan, run
        self._made: dict[tuple[str, int], tuple[Path, ...]] = {}

    def check(self, wanted: Sequence[Row]) -> None:
        """Find mistakes before anything is trained.

        Raises:
            UsageError: wrong recipes or overrides, or folders or trackers' files that are missing
                or of no use.
            DataError: a tracker's file is missing or is not what it should be.
        """
        entries = {self._plan.evaluate.entry}
        for row in self._plan.row:
            for stage in row.train:
                entries |= load_recipe(stage.recipe, stage.set).data.keys()
        unknown = sorted(self._run.data.folders.keys() - entries)
        if unknown:
            raise UsageError(
                f"no row has a data entry {', '.join(unknown)}",
                remedy=f"there are {', '.join(sorted(entries))}",
            )
        self._videos()
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
        return load_recipe(stage.recipe, [*stage.set, *self._run.overrides, f"loop.seed={seed}"])

    def _folder(self, row: Row, seed: int) -> Path:
        return self._run.output.path / ROWS / row.name / f"seed-{seed}"

    def networks(self, row: Row, seed: int) -> tuple[Path, ...]:
        """Checkpoints of a row, trained if they are not there."""
        if (row.name, seed) not in self._made:
            self._made[row.name, seed] = self._make(row, seed)
        return self._made[row.name, seed]

    def _make(self, row: Row, seed: int) -> tuple[Path, ...]:
        if (row.name, seed) in self._run.reuse:
            return (self._run.reuse[row.name, seed],)
        if row.members:
            members = [self._plan.named(name) for name in row.members]
            return tuple(path for item in members for path in self.networks(item, seed))
        start = None
        if row.start is not None:
            (start,) = self.networks(self._plan.named(row.start), seed)
        for number in range(len(row.train)):
            recipe = self._recipe(row, number, seed)
            folder = self._folder(row, seed) / f"{number + 1}-{recipe.name}"
            start = self._train(recipe, folder, start)
        assert start is not None
        return (start,)

    def _train(self, recipe: Recipe, folder: Path, start: Path | None) -> Path:
        run, files = self._run, RunFolder(folder)
        anew = run.output.overwrite
        if not anew and _is_finished(files, recipe):
            return files.best
        folders = {n: path for n, path in run.data.folders.items() if n in recipe.data}
        result = train(
            recipe,
            TrainingRun(
                _output(folder, anew or not files.resume_file.exists()),
                data=DataFolders(folders, run.data.split_file),
                init=start,
                weights=None if start else run.weights,
                device=run.device,
                workers=run.workers,
            ),
        )
        assert result.finished and result.best is not None
        return result.best

    def scores(self, row: Row, seed: int) -> dict[str, float]:
        """Our figures of a row, in [0, 1]."""
        networks, folder = self.networks(row, seed), self._folder(row, seed)
        made_of = self._made_of(row, networks)
        known = None if self._run.output.overwrite else _read(folder / RESULT)
        if known is not None and known["made_of"] == made_of:
            return known["figures"]
        figures = self._evaluate(row, networks, folder)
        write_json(folder / RESULT, {"made_of": made_of, "figures": figures})
        return figures

    def earlier(self, row: Row, seeds: Sequence[int]) -> dict[int, dict[str, float]]:
        """Figures that an earlier run of these very settings left, by seed."""
        results = {seed: _read(self._folder(row, seed) / RESULT) for seed in seeds}
        settings = {k: v for k, v in self._made_of(row, ()).items() if k != "checkpoints"}
        return {
            seed: known["figures"]
            for seed, known in results.items()
            if known is not None and settings.items() <= known["made_of"].items()
        }

    def _made_of(self, row: Row, networks: Sequence[Path]) -> dict[str, Any]:
        """What the figures depend on."""
        videos, settings = self._videos(), self._settings(row)
        digests = file_digests(settings.execution.model_files)
        return {
            "checkpoints": [file_digest(path) for path in networks],
            "inference": settings.inference.model_dump(mode="json"),
            **({"model_files": digests} if digests else {}),
            "postprocess": row.postprocess.model_dump(mode="json"),
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

    def _videos(self) -> Selection:
        what, data = self._plan.evaluate, self._run.data
        if what.entry not in data.folders:
            raise UsageError(
                f"the videos that are scored were not given: {what.entry}",
                remedy=f"--data {what.entry}=FOLDER",
            )
        if what.section and data.split_file is None:
            raise UsageError(
                "the rows are scored on the held-out videos of an offline split",
                remedy="write one with `vostool split` and pass --split-file FILE",
            )
        split = f"{data.split_file}:val" if what.section else str(what.split)
        return Selection(what.dataset, data.folders[what.entry], split, what.videos)

    def _evaluate(self, row: Row, networks: Sequence[Path], folder: Path) -> dict[str, float]:
        videos, anew = self._videos(), self._run.output.overwrite
        masks = folder / "predictions"
        infer(
            networks,
            videos,
            _output(masks, anew),
            self._settings(row),
        )
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
        figures = report.figures
        return {name: value for name, value in figures.items() if not math.isnan(value)}


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
