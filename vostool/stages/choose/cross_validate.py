"""`vostool cross-validate`: variants of a training, scored on videos that they did not see."""

from __future__ import annotations

import logging
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from vostool.core.errors import UsageError
from vostool.core.files import write_json, write_text
from vostool.core.options import merged
from vostool.core.recipe_files import SUFFIX, find_recipe
from vostool.core.toml import read_toml
from vostool.datasets.folds import find_fold, read_folds, without_any
from vostool.datasets.split import SplitFile, read_split, write_split
from vostool.inference.options import InferenceOptions
from vostool.recipe import Recipe, load_recipe
from vostool.reporting.cross_validation import CrossValidationReport, Variant
from vostool.stages.choose.ablate import check_reuse
from vostool.stages.choose.ablation_plan import (
    FOLDER,
    AblationPlan,
    Evaluation,
    Row,
    Stage,
    read_plan,
)
from vostool.stages.choose.ablation_run import AblationRun
from vostool.stages.choose.row_maker import RowMaker
from vostool.stages.choose.row_outcome import Outcome, Trial
from vostool.stages.predict.inference_recipe import stated
from vostool.stages.shipped_files import is_shipped

log = logging.getLogger(__name__)

TABLE, NUMBERS, SHARED_SPLIT = "cross-validation.md", "cross-validation.json", "shared-split.json"
BASE, PRETRAIN = "base", "pretrain"
NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


def cross_validate(
    plan: AblationPlan, run: AblationRun, folder: Path, numbers: Sequence[int] = ()
) -> CrossValidationReport:
    """Make every row for every seed and fold, scored on the fold's held-out videos.

    Rows that are `shared` are trained once, with the first seed, without any video of any of these
    folds. `cross-validation.md` and `.json` are written after each score. With a resumed output,
    finished trainings, predictions and scores are kept.

    Args:
        plan: rows; they are scored on held-out videos (`section = true`).
        run: as for `ablate`; its split file is not used.
        folder: of folds, by `vostool split --folds`.
        numbers: folds to use; all by default.

    Raises:
        UsageError: as `ablate`; a plan that is scored on a split of its own; no such folds; the
            output holds results of other folds.
        OutputError: the output is not empty and neither resumed nor overwritten.
        Others as `train`, `infer`, `postprocess` and `evaluate`.
    """
    if not plan.evaluate.section:
        raise UsageError(
            f"the rows are scored on the split {plan.evaluate.split}, not on held-out videos",
            remedy="write section = true under [evaluate] instead of split",
        )
    folds = read_folds(folder, numbers)
    seeds = run.seeds or plan.seeds
    wanted = plan.needed(run.only)
    check_reuse(plan, run, seeds)
    trials = [Trial(seed, number, find_fold(folder, number)) for seed in seeds for number in folds]
    shared = Trial(seeds[0], split_file=run.output.path / SHARED_SPLIT, shared=True)
    maker = RowMaker(plan, run, shared)
    maker.check(wanted, trials)
    inputs = [*run.data.folders.values(), folder]
    with run.output.owned(inputs):
        out = run.output.claim_folder(inputs)
        _claim_shared(out / SHARED_SPLIT, without_any(folds), run.output.overwrite)
        found: dict[str, dict[Trial, Outcome]] = {}
        for row in plan.row if run.output.resume else ():
            found[row.name] = maker.earlier(row, trials)
        report = _report(plan, run, folds, seeds, wanted, found)
        # Trial by trial, so that an unfinished run compares all rows on what there is.
        for trial in trials:
            for row in filter(maker.is_scored, wanted):
                log.info(f"row {row.name}, seed {trial.seed}, fold {trial.fold}")
                found.setdefault(row.name, {})[trial] = maker.scores(row, trial)
                report = _report(plan, run, folds, seeds, wanted, found)
                write_json(out / NUMBERS, report.as_json())
                write_text(out / TABLE, report.as_markdown())
        return report


def _claim_shared(path: Path, split: SplitFile, overwrite: bool) -> None:
    """Write what shared rows hold out; a resumed run must hold out the same."""
    if path.exists() and not overwrite and read_split(path).val != split.val:
        raise UsageError(
            "what is there was made with other folds",
            where=path.parent,
            remedy="choose another --out, or pass --overwrite to train all rows anew",
        )
    write_split(path, split)


def _report(
    plan: AblationPlan,
    run: AblationRun,
    folds: Mapping[int, SplitFile],
    seeds: Sequence[int],
    wanted: Sequence[Row],
    found: Mapping[str, Mapping[Trial, Outcome]],
) -> CrossValidationReport:
    rows = [row for row in plan.row if row.shown and (row in wanted or found.get(row.name))]
    outcomes = [outcome for by_trial in found.values() for outcome in by_trial.values()]
    figures = outcomes[0].figures if outcomes else {}
    figure = plan.figure or next(iter(figures), "figure")
    if figures and figure not in figures:
        raise UsageError(f"there is no figure {figure!r}", remedy=f"there is {list(figures)}")
    chosen = plan.evaluate.videos
    videos = [name for f in folds.values() for name in f.val if not chosen or name in chosen]
    held = ", ".join(map(str, folds))
    return CrossValidationReport(
        plan.title,
        figure,
        f"{len(videos)} held-out videos of {plan.evaluate.dataset} (folds {held}; seeds "
        f"{', '.join(map(str, seeds))})",
        tuple(_variant(row, found.get(row.name, {}), figure) for row in rows),
        expected=len(videos) * len(seeds),
        overrides=run.overrides,
    )


def _variant(row: Row, found: Mapping[Trial, Outcome], figure: str) -> Variant:
    scores = {
        (trial.seed, video): figures[figure]
        for trial, outcome in found.items()
        for video, figures in outcome.videos.items()
        if figure in figures
    }
    minutes = [item.minutes for item in found.values() if item.minutes is not None]
    mean = sum(minutes) / len(minutes) if minutes else None
    return Variant(row.name, row.label, row.note, scores, mean)


def plan_of(
    name: str,
    *,
    variants: Sequence[str] = (),
    pretrain: str | None = None,
    inference: InferenceOptions | None = None,
) -> AblationPlan:
    """The plan of a file with rows, or of a recipe with variants.

    Args:
        name: an ablation file or a recipe, shipped or TOML files.
        variants: `NAME: key=value key=value` texts, for a recipe; the recipe as it is comes first.
        pretrain: recipe of a stage before, trained once for all.
        inference: how networks are run; over the file's values.

    Raises:
        UsageError: unknown files or keys, variants beside a file that has rows, or variants that
            differ in nothing.
    """
    if _has_rows(name):
        if variants or pretrain:
            raise UsageError(
                f"{name} has rows of its own", remedy="leave out --variant and --pretrain"
            )
        plan = read_plan(name)
        return plan if inference is None else _with_inference(plan, inference)
    recipe = load_recipe(name)
    data = recipe.validation.data or next(
        (entry for entry, item in recipe.data.items() if item.video and item.weight), None
    )
    if data is None:
        raise UsageError(f"{name} has no videos to hold out", remedy="name a recipe with videos")
    start = PRETRAIN if pretrain else None
    stage = str(find_recipe(name))
    rows = [Row(name=BASE, label=recipe.name, start=start, train=(Stage(recipe=stage),))]
    compared = {BASE: recipe}
    for text in variants:
        variant, sets = parse_variant(text)
        compared[variant] = _differing(load_recipe(name, sets), variant, compared)
        train = (Stage(recipe=stage, set=sets),)
        rows.append(Row(name=variant, start=start, train=train, note=" ".join(sets)))
    if pretrain:
        train = (Stage(recipe=str(find_recipe(pretrain))),)
        rows.insert(0, Row(name=PRETRAIN, shown=False, shared=True, train=train))
    return _ad_hoc(recipe, data, rows, inference or InferenceOptions())


def _differing(recipe: Recipe, name: str, compared: Mapping[str, Recipe]) -> Recipe:
    for other, known in compared.items():
        if recipe == known:
            raise UsageError(
                f"the variant {name} has the same values as {other}",
                remedy="leave it out: it would be trained for the same result",
            )
    return recipe


def _ad_hoc(
    recipe: Recipe, data: str, rows: Sequence[Row], inference: InferenceOptions
) -> AblationPlan:
    if len({row.name for row in rows}) < len(rows):
        raise UsageError(
            "two variants have one name", remedy=f"{BASE} and {PRETRAIN} are names of their own"
        )
    return AblationPlan(
        title=f"Cross-validation of {recipe.name}",
        description="variants of one recipe",
        paper_figure="none",
        evaluate=Evaluation(dataset=str(recipe.data[data].video), data=data, section=True),
        inference=inference,
        row=tuple(rows),
    )


def _has_rows(name: str) -> bool:
    if name.endswith(SUFFIX) and Path(name).is_file():
        return "row" in read_toml(Path(name))
    return is_shipped(name, FOLDER)


def _with_inference(plan: AblationPlan, inference: InferenceOptions) -> AblationPlan:
    values = merged(stated(plan.inference), stated(inference))
    return plan.model_copy(update={"inference": InferenceOptions.model_validate(values)})


def parse_variant(text: str) -> tuple[str, tuple[str, ...]]:
    """Read `NAME: key=value key=value`; values with blanks stand in quotes.

    Raises:
        UsageError: of another form.
    """
    name, _, rest = text.partition(":")
    try:
        sets = tuple(shlex.split(rest))
    except ValueError:
        sets = ()
    if not NAME.fullmatch(name.strip()) or not sets or not all("=" in item for item in sets):
        raise UsageError(
            f"cannot read --variant {text!r}",
            remedy="write --variant 'name: key=value key=value', the name in small letters",
        )
    return name.strip(), sets
