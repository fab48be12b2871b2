"""`vostool ablate`: trains or reuses the rows of a published table, scores them, and compares."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from vostool.core.errors import UsageError
from vostool.core.files import write_json, write_text
from vostool.reporting.ablation import AblationReport, row_reports
from vostool.stages.choose.ablation_plan import AblationPlan, Evaluation
from vostool.stages.choose.ablation_run import AblationRun, parse_model_files, parse_reuse
from vostool.stages.choose.row_maker import RowMaker
from vostool.stages.choose.row_outcome import Trial

log = logging.getLogger(__name__)

__all__ = ["AblationRun", "ablate", "parse_model_files", "parse_reuse"]

TABLE, NUMBERS = "ablation.md", "ablation.json"


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
    check_reuse(plan, run, seeds)
    trials = [Trial(seed, split_file=run.data.split_file) for seed in seeds]
    maker = RowMaker(plan, run)
    maker.check(wanted, trials)
    inputs = list(run.data.folders.values())
    with run.output.owned(inputs):
        out = run.output.claim_folder(inputs)
        figures: dict[str, dict[int, dict[str, float]]] = {}
        for row in plan.row if run.output.resume else ():
            earlier = maker.earlier(row, trials)
            figures[row.name] = {trial.seed: found.figures for trial, found in earlier.items()}
        report = _report(plan, run, seeds, figures)
        for row in wanted:
            for trial in trials:
                if maker.is_scored(row):
                    log.info(f"row {row.name}, seed {trial.seed}")
                    found = maker.scores(row, trial)
                    figures.setdefault(row.name, {})[trial.seed] = found.figures
                    report = _report(plan, run, seeds, figures)
                    write_json(out / NUMBERS, report.as_json())
                    write_text(out / TABLE, report.as_markdown())
        return report


def check_reuse(plan: AblationPlan, run: AblationRun, seeds: Sequence[int]) -> None:
    """See that checkpoints to reuse are of rows and seeds that are made.

    Raises:
        UsageError: they are not.
    """
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
