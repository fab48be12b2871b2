"""`vostool demo`: the whole main job on a generated data set, by the functions of the commands."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from vostool.core.errors import DataError, UsageError
from vostool.core.figures import per_cent
from vostool.core.files import write_json
from vostool.core.output import Output
from vostool.core.reading import read_json
from vostool.datasets.selection import Selection
from vostool.recipe import load_recipe
from vostool.scoring.report import EvaluationReport
from vostool.stages.demo.demo_data import DemoDataOptions, make_demo_data
from vostool.stages.demo.side_by_side import side_by_side
from vostool.stages.predict.baseline import baseline
from vostool.stages.predict.ensemble import ensemble
from vostool.stages.predict.infer import InferenceSettings, infer
from vostool.stages.predict.postprocess import postprocess
from vostool.stages.score.report import ReportOptions, report
from vostool.stages.submit.check_submission import check_submission
from vostool.stages.submit.package_submission import package_submission
from vostool.stages.train.train import TrainingRun, train
from vostool.stages.train.training_data import DataFolders

log = logging.getLogger(__name__)

DATASET, SPLIT = "youtubevos2019", "valid"
RECIPE, MEMBERS = "demo-famnet", ("famnet-a", "famnet-b")
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
    tta: str = "flip"
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
    output: Output,
    options: DemoOptions | None = None,
) -> DemoResult:
    """Make data, train two networks, infer, ensemble, post-process, score, package, report.

    Each step is announced with the command that does the same.

    Raises:
        OutputError: `output` is not empty and neither resumed nor overwritten.
        UsageError: resuming with other options.
        DataError: the submission does not pass its check.
    """
    options = options or DemoOptions()
    with output.owned():
        _remember(output.claim_folder() / SETTINGS, options, bool(output.resume))
        run = _Demo(output, options)
        run.make_data()
        members = run.members(run.pretrain())
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
            before = read_json(path)["options"]
        except (DataError, KeyError, TypeError):
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

    def __init__(self, output: Output, options: DemoOptions):
        self.output, self.options = output, options
        self.data = output.path / "data"
        self.selection = Selection(DATASET, self.data, SPLIT)
        self.where = f"--dataset {DATASET} --root {self.data} --split {SPLIT}"
        self.seconds: dict[str, float] = {}

    @contextmanager
    def _step(self, name: str, *commands: str) -> Iterator[None]:
        """Announce a step and take its time."""
        for line in ("", name, *(f"$ {command}" for command in commands)):
            log.info(line)
        start = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - start

    def _anew(self, *names: str) -> Output:
        """A part that is made again whenever the demo goes on."""
        part = self.output.inside(*names)
        return Output(part.path, overwrite=part.resume or part.overwrite)

    def make_data(self) -> None:
        """Both splits; `meta.json` of the second is written last."""
        if self.output.resume and (self.data / SPLIT / "meta.json").is_file():
            return
        with self._step("data: a small video data set in the YouTube-VOS layout", "(generated)"):
            make_demo_data(self.data, self.options.seed, self.options.data)

    def pretrain(self) -> Path:
        """The first stage, from scratch, which the members share to be nearer in strength."""
        return self._train(f"{RECIPE}-pretrain", "pretrain", self.options.seed, None)

    def members(self, first: Path) -> dict[str, Path]:
        """Both networks' predictions, trained and made side by side from one first stage."""
        jobs = {
            member: functools.partial(_member, member, first, self.output, self.options)
            for member in MEMBERS
        }
        done = side_by_side(jobs)
        for _, seconds in done.values():
            self.seconds.update(seconds)
        return {member: folder for member, (folder, _) in done.items()}

    def train(self, member: str, first: Path) -> Path:
        """The second stage of a member, with a seed of its own."""
        # No seed of one demo is another's.
        seed = len(MEMBERS) * self.options.seed + MEMBERS.index(member)
        return self._train(RECIPE, member, seed, first)

    def _train(self, recipe: str, name: str, seed: int, init: Path | None) -> Path:
        overrides = [f"loop.seed={seed}"]
        if self.options.iterations is not None:
            overrides.append(f"loop.iterations={self.options.iterations}")
        output = self.output.inside("runs", name)
        start = "" if init is None else f"--init {init} "
        command = (
            f"vostool train {recipe} {start}--data demo={self.data} --set {overrides[0]} "
            f"--out {output.path}"
        )
        with self._step(f"training: {name}", command):
            result = train(
                load_recipe(recipe, overrides),
                TrainingRun(output, DataFolders({"demo": self.data}), init=init),
            )
        assert result.best is not None  # a finished training has a checkpoint
        return result.best

    def infer(self, member: str, checkpoint: Path) -> Path:
        """All views and memory strategies in step, with probabilities for the ensemble."""
        output, options = self.output.inside("preds", member), self.options
        memory = " ".join(f"--memory {strategy}" for strategy in options.memory)
        command = (
            f"vostool infer --checkpoint {checkpoint} {self.where} --tta {options.tta} {memory} "
            f"--precision fp32 --save-probabilities --out {output.path}"
        )
        with self._step(f"inference: {member}", command):
            infer(
                [checkpoint],
                self.selection,
                output,
                InferenceSettings.of(
                    views=options.tta,
                    memory=options.memory,
                    precision="fp32",
                    save_probabilities=True,
                    seed=options.seed,
                ),
            )
        return output.path

    def ensemble(self, members: list[Path]) -> Path:
        """The mean of the members' probabilities."""
        output = self.output.inside("preds", "ensemble")
        shown = " ".join(map(str, members))
        command = f"vostool ensemble {shown} --save-probabilities --out {output.path}"
        with self._step("ensemble", command):
            ensemble(members, output, save_probabilities=True)
        return output.path

    def postprocess(self, predictions: Path) -> Path:
        """Filter the ensemble's masks."""
        output = self.output.inside("preds", "final")
        settings = " ".join(f"--set {setting}" for setting in STEP_SETTINGS)
        command = (
            f"vostool postprocess {predictions} --steps {','.join(STEPS)} {settings} "
            f"{self.where} --out {output.path}"
        )
        with self._step("post-processing", command):
            postprocess(
                predictions,
                STEPS,
                output,
                settings=STEP_SETTINGS,
                selection=self.selection,
            )
        return output.path

    def package(self, predictions: Path) -> Path:
        """Write the archive and check it once more from outside."""
        output = self._anew("submission.zip")
        archive = output.path
        command = f"vostool package-submission {predictions} {self.where} --out {archive}"
        check = f"vostool check-submission {archive} {self.where}"
        with self._step("submission", command, check):
            package_submission(predictions, self.selection, output)
            checked = check_submission(archive, self.selection)
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
        output = self._anew("preds", "first-mask")
        with self._step("baseline", f"vostool baseline {self.where} --out {output.path}"):
            baseline(self.selection, output)
        return output.path

    def report(self, rows: dict[str, Path]) -> tuple[Path, dict[str, EvaluationReport]]:
        """Score all rows and write the page."""
        output = self._anew("report")
        shown = " ".join(f"'{label}={path}'" for label, path in rows.items())
        command = f"vostool report {shown} {self.where} --out {output.path}"
        with self._step("scores and report", command):
            result = report(
                [f"{label}={path}" for label, path in rows.items()],
                self.selection,
                output,
                options=ReportOptions(title="vostool demo"),
            )
        return result.page, result.scores


def _member(
    member: str, first: Path, output: Output, options: DemoOptions
) -> tuple[Path, dict[str, float]]:
    """Train one network and infer with it: its predictions, and seconds per step."""
    run = _Demo(output, options)
    return run.infer(member, run.train(member, first)), run.seconds


def demo_table(result: DemoResult) -> str:
    """The scores as text, one line per row, in per cent."""
    width = max(map(len, result.scores))
    columns = ("J&F-Mean", "J-Mean", "F-Mean", "G")
    lines = [f"{'in per cent':{width}}" + "".join(f"{column:>10}" for column in columns)]
    for label, scores in result.scores.items():
        figures = scores.figures
        shown = "".join(f"{per_cent(figures[column], 1):>10}" for column in columns)
        lines.append(f"{label:{width}}{shown}")
    return "\n".join(lines)
