"""`vostool demo`: the whole main job on a generated data set, by the functions of the commands."""

from __future__ import annotations

import functools
import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from vostool.core.errors import DataError, UsageError
from vostool.core.files import claim_output_folder, write_json
from vostool.recipe import load_recipe
from vostool.scoring.report import EvaluationReport
from vostool.stages.demo.demo_data import DemoDataOptions, make_demo_data
from vostool.stages.demo.side_by_side import side_by_side
from vostool.stages.predict.baseline import baseline
from vostool.stages.predict.ensemble import ensemble
from vostool.stages.predict.infer import InferenceSettings, VideoChoice, infer
from vostool.stages.predict.postprocess import DatasetChoice, postprocess
from vostool.stages.score.report import ReportOptions, report
from vostool.stages.submit.check_submission import check_submission
from vostool.stages.submit.package_submission import package_submission
from vostool.stages.train.train import TrainingRun, train
from vostool.stages.train.training_data import DataFolders

log = logging.getLogger(__name__)

DATASET, SPLIT = "youtubevos2019", "valid"
RECIPES = ("demo-stm", "demo-famnet-rx")
STEPS = ("keep-near-last", "drop-small", "fill-holes")
STEP_SETTINGS = ("drop-small.min-area=12", "fill-holes.max-area=40")
BASELINE, ENSEMBLE, FINAL = "copy of the first mask", "ensemble", "post-processed"
SETTINGS = "demo.json"


@dataclass(frozen=True)
class DemoOptions:
    """How much is done.

    Attributes:
        seed: of data, training and inference.
        data: size of the data set.
        iterations: of each training; None for what the recipes say.
        tta: views.
        memory: memory strategies.
    """

    seed: int = 0
    data: DemoDataOptions = field(default_factory=DemoDataOptions)
    iterations: int | None = None
    tta: str = "flip,0.75,1.0"
    memory: tuple[str, ...] = ("every:5", "early:3,5")

    @classmethod
    def quick(cls, seed: int = 0) -> DemoOptions:
        """Everything, on less data and with hardly any training: for a look at the commands."""
        data = DemoDataOptions(train_videos=3, valid_videos=2, frames=6, height=64, width=96)
        return cls(seed=seed, data=replace(data, late_every=2), iterations=4, tta="flip")


@dataclass(frozen=True)
class DemoResult:
    """What came of it.

    Attributes:
        page: the HTML report.
        archive: the checked submission.
        scores: per row of the table, from the baseline to the post-processed ensemble.
        seconds: time per step.
    """

    page: Path
    archive: Path
    scores: dict[str, EvaluationReport]
    seconds: dict[str, float]


def demo(
    out: Path,
    options: DemoOptions | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
) -> DemoResult:
    """Make data, train two networks, infer, ensemble, post-process, score, package, report.

    Each step is announced with the command that does the same.

    Raises:
        OutputError: `out` is not empty and neither `resume` nor `overwrite` is set.
        UsageError: resuming with other options.
        DataError: the submission does not pass its check.
    """
    out, options = Path(out), options or DemoOptions()
    claim_output_folder(out, resume=resume, overwrite=overwrite)
    _remember(out / SETTINGS, options, resume)
    run = _Demo(out, options, resume, overwrite)
    run.make_data()
    members = run.members()
    merged = run.ensemble(list(members.values()))
    final = run.postprocess(merged)
    archive = run.package(final)
    rows = {BASELINE: run.baseline(), **members, ENSEMBLE: merged, FINAL: final}
    page, scores = run.report(rows)
    return DemoResult(page, archive, scores, run.seconds)


def _remember(path: Path, options: DemoOptions, resume: bool) -> None:
    """Write the options down; refuse to resume with others."""
    text = repr(options)
    if resume and path.is_file():
        try:
            before = json.loads(path.read_text(encoding="utf-8"))["options"]
        except (ValueError, KeyError, TypeError):
            before = None
        if before != text:
            raise UsageError(
                "this demo was begun with other options",
                where=path,
                remedy="give the same ones, another --out, or --overwrite",
            )
    write_json(path, {"options": text})


class _Demo:
    """The steps, each a stage function with this demo's folders."""

    def __init__(self, out: Path, options: DemoOptions, resume: bool, overwrite: bool):
        self.out, self.options = out, options
        self.resume, self.overwrite = resume, overwrite
        self.data = out / "data"
        self.where = f"--dataset {DATASET} --root {self.data} --split {SPLIT}"
        self.seconds: dict[str, float] = {}

    @contextmanager
    def _step(self, name: str, command: str) -> Iterator[None]:
        """Announce a step and take its time."""
        log.info(f"\n{name}\n$ {command}")
        start = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - start

    def make_data(self) -> None:
        """Both splits; `meta.json` of the second is written last."""
        if self.resume and (self.data / SPLIT / "meta.json").is_file():
            return
        with self._step("data: a small video data set in the YouTube-VOS layout", "(generated)"):
            make_demo_data(self.data, self.options.seed, self.options.data)

    def members(self) -> dict[str, Path]:
        """Both networks' predictions, trained and made side by side."""
        how = (self.out, self.options, self.resume, self.overwrite)
        jobs = {recipe: functools.partial(_member, recipe, *how) for recipe in RECIPES}
        done = side_by_side(jobs)
        for _, seconds in done.values():
            self.seconds.update(seconds)
        return {recipe: folder for recipe, (folder, _) in done.items()}

    def train(self, recipe: str) -> Path:
        """Both stages, the first from scratch; returns the checkpoint."""
        return self._train(recipe, self._train(f"{recipe}-pretrain", None))

    def _train(self, recipe: str, init: Path | None) -> Path:
        overrides = [f"loop.seed={self.options.seed}"]
        if self.options.iterations is not None:
            overrides.append(f"loop.iterations={self.options.iterations}")
        folder = self.out / "runs" / recipe
        start = "" if init is None else f"--init {init} "
        command = f"vostool train {recipe} {start}--data demo={self.data} --out {folder}"
        with self._step(f"training: {recipe}", command):
            result = train(
                load_recipe(recipe, overrides),
                TrainingRun(
                    folder,
                    DataFolders({"demo": self.data}),
                    init=init,
                    resume=self.resume,
                    overwrite=self.overwrite,
                ),
            )
        assert result.best is not None  # a finished training has a checkpoint
        return result.best

    def infer(self, recipe: str, checkpoint: Path) -> Path:
        """All views and memory strategies in step, with probabilities for the ensemble."""
        folder, options = self.out / "preds" / recipe, self.options
        memory = " ".join(f"--memory {strategy}" for strategy in options.memory)
        command = (
            f"vostool infer --checkpoint {checkpoint} {self.where} --tta {options.tta} {memory} "
            f"--precision fp32 --save-probabilities --out {folder}"
        )
        with self._step(f"inference: {recipe}", command):
            infer(
                [checkpoint],
                VideoChoice(DATASET, self.data, SPLIT),
                folder,
                InferenceSettings(
                    tta=options.tta,
                    memory=options.memory,
                    precision="fp32",
                    save_probabilities=True,
                    seed=options.seed,
                ),
                resume=self.resume,
                overwrite=self.overwrite,
            )
        return folder

    def ensemble(self, members: list[Path]) -> Path:
        """The mean of the members' probabilities."""
        folder = self.out / "preds" / "ensemble"
        shown = " ".join(map(str, members))
        command = f"vostool ensemble {shown} --save-probabilities --out {folder}"
        with self._step("ensemble", command):
            ensemble(
                members,
                folder,
                save_probabilities=True,
                resume=self.resume,
                overwrite=self.overwrite,
            )
        return folder

    def postprocess(self, predictions: Path) -> Path:
        """Filter the ensemble's masks."""
        folder = self.out / "preds" / "final"
        settings = " ".join(f"--set {setting}" for setting in STEP_SETTINGS)
        command = (
            f"vostool postprocess {predictions} --steps {','.join(STEPS)} {settings} "
            f"{self.where} --out {folder}"
        )
        with self._step("post-processing", command):
            postprocess(
                predictions,
                STEPS,
                folder,
                settings=STEP_SETTINGS,
                dataset=DatasetChoice(DATASET, self.data, SPLIT),
                resume=self.resume,
                overwrite=self.overwrite,
            )
        return folder

    def package(self, predictions: Path) -> Path:
        """Write the archive and check it once more from outside."""
        archive = self.out / "submission.zip"
        command = f"vostool package-submission {predictions} {self.where} --out {archive}"
        check = f"vostool check-submission {archive} {self.where}"
        with self._step("submission", f"{command}\n$ {check}"):
            again = self.resume or self.overwrite
            package_submission(predictions, DATASET, self.data, SPLIT, archive, overwrite=again)
            checked = check_submission(archive, DATASET, self.data, SPLIT)
        if not checked.ok:
            raise DataError(
                f"the submission does not pass its check: {checked.problems[0]}",
                where=archive,
                remedy="report this as a bug",
            )
        log.info(f"{archive}: {checked.videos} videos, {checked.frames} frames, no faults")
        return archive

    def baseline(self) -> Path:
        """Copy each object's first mask into all later frames."""
        folder = self.out / "preds" / "first-mask"
        with self._step("baseline", f"vostool baseline {self.where} --out {folder}"):
            again = self.resume or self.overwrite
            baseline(DATASET, self.data, SPLIT, folder, overwrite=again)
        return folder

    def report(self, rows: dict[str, Path]) -> tuple[Path, dict[str, EvaluationReport]]:
        """Score all rows and write the page."""
        folder = self.out / "report"
        shown = " ".join(f"'{label}={path}'" for label, path in rows.items())
        with self._step("scores and report", f"vostool report {shown} {self.where} --out {folder}"):
            result = report(
                [f"{label}={path}" for label, path in rows.items()],
                DATASET,
                self.data,
                SPLIT,
                folder,
                options=ReportOptions(title="vostool demo"),
                overwrite=self.resume or self.overwrite,
            )
        return result.page, result.scores


def _member(
    recipe: str, out: Path, options: DemoOptions, resume: bool, overwrite: bool
) -> tuple[Path, dict[str, float]]:
    """Train one network and infer with it: its predictions, and seconds per step."""
    run = _Demo(out, options, resume, overwrite)
    return run.infer(recipe, run.train(recipe)), run.seconds


def demo_table(result: DemoResult) -> str:
    """The scores as text, one line per row, in per cent."""
    width = max(map(len, result.scores))
    columns = ("J&F-Mean", "J-Mean", "F-Mean", "G")
    lines = [f"{'':{width}}" + "".join(f"{column:>10}" for column in columns)]
    for label, scores in result.scores.items():
        figures = scores.figures
        shown = "".join(f"{100 * figures[column]:>10.1f}" for column in columns)
        lines.append(f"{label:{width}}{shown}")
    return "\n".join(lines)
