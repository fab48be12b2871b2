"""Score predicted masks with the measure of the data set's challenge, or with --measure another.

PREDICTIONS is a prediction folder or any tool's folder of VIDEO/FRAME.png. Every missing, unknown
or wrong-sized mask is reported. Scores go to standard output, and to files with --json and --csv
(- for standard output, which then holds nothing else).

What predictions are of is in their run.json. Masks of other tools need --dataset, --root and
--split (or vostool.toml), or a folder of true masks: `vostool evaluate preds/osvos --gt truth`.

Example: `vostool evaluate preds/final`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vostool.cli import options
from vostool.core.errors import UsageError

STAGE = "score"


def run(
    predictions: Annotated[Path, typer.Argument(help="Folder of predicted masks.")],
    dataset: options.Dataset = None,
    root: options.Root = None,
    split: options.Split = None,
    truth: Annotated[
        Path | None,
        typer.Option("--gt", help="Folder of true masks VIDEO/FRAME.png, instead of a data set."),
    ] = None,
    video: options.Video = None,
    measure: Annotated[
        str | None,
        typer.Option("--measure", help="Score with this measure, not with the data set's own."),
    ] = None,
    per_object: Annotated[
        bool, typer.Option("--per-object", help="Show every object's scores, too.")
    ] = False,
    count_first: Annotated[
        bool,
        typer.Option("--count-first", help="Count the frame in which an object is given, too."),
    ] = False,
    allow_extra: Annotated[
        bool,
        typer.Option("--allow-extra", help="Overlook unknown videos, frames and object ids."),
    ] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", help="Threads; default one per processor.")
    ] = None,
    json: Annotated[
        Path | None, typer.Option("--json", help="Write all scores, per frame too, to this file.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write one line per object to this file.")
    ] = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    from vostool.stages.score.evaluate import evaluate, plain_masks
    from vostool.stages.selecting import Asked, select_videos

    options.show_messages(quiet, verbose)
    asked = Asked(dataset, root, split, tuple(video or ()))
    if truth is not None and asked.anything:
        raise UsageError("--gt stands in place of a data set", remedy="leave out one of the two")
    selection = (
        select_videos(asked, [predictions]) if truth is None else plain_masks(truth, asked.videos)
    )
    report = evaluate(
        predictions,
        selection,
        measure=measure,
        count_first=count_first,
        allow_extra=allow_extra,
        jobs=jobs,
        json=json,
        csv=csv,
    )
    options.results(beside=(json, csv)).print(report.table(per_object))
