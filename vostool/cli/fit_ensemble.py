"""Fit how members of an ensemble are merged, on videos that no member was trained on.

MEMBERS are prediction folders with probabilities (infer --save-probabilities), one per network and
memory strategy, of the videos of an offline split. The file that is written is used by `ensemble
--method learned --weights FILE` and by `infer --set merge.method=learned --set merge.weights=FILE`;
it refuses other members. The comparison that is printed holds each video out once. Never fit on
the videos that results are reported on.

Example: `vostool fit-ensemble preds/stm preds/camn --dataset davis2016 --root data/DAVIS --split
split.json:val --out fused.safetensors`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vostool.cli import options

STAGE = "choose"


def run(
    members: Annotated[list[Path], typer.Argument(help="Prediction folders.")],
    out: Annotated[Path, typer.Option(help="New file, such as fused.safetensors.")],
    dataset: options.Dataset = None,
    root: options.Root = None,
    split: options.Split = None,
    video: options.Video = None,
    weighted: Annotated[
        bool, typer.Option("--weighted", help="Write fitted weights of a mean, not a network.")
    ] = False,
    frames: Annotated[int, typer.Option(min=1, help="Annotated frames taken per video.")] = 8,
    folds: Annotated[
        int, typer.Option(min=0, help="Parts of the cross-validation; 0 leaves it out.")
    ] = 5,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Value of the fit: iterations=2000; may be repeated."),
    ] = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Run the command."""
    from pydantic import ValidationError

    from vostool.core.errors import UsageError
    from vostool.core.options import assign, read_assignment
    from vostool.core.output import Output
    from vostool.core.toml import explain_mistakes
    from vostool.ensembling.fitting import FitOptions
    from vostool.stages.choose.fit_ensemble import fit_ensemble, sentence
    from vostool.stages.selecting import Asked, select_videos

    options.show_messages(quiet, verbose)
    values: dict[str, Any] = {}
    assign(values, [read_assignment(text, example="iterations=2000") for text in settings or []])
    try:
        fit = FitOptions(**values)
    except ValidationError as error:
        mistakes = "; ".join(explain_mistakes(error, FitOptions))
        raise UsageError(mistakes, remedy="correct --set") from None
    report = fit_ensemble(
        members,
        select_videos(Asked(dataset, root, split, tuple(video or ())), members),
        Output(out, overwrite=overwrite),
        kind="weighted" if weighted else "learned",
        options=fit,
        frames_per_video=frames,
        folds=folds,
    )
    if report.figures:
        options.results().print(report.table())
    print(sentence(report, members))
