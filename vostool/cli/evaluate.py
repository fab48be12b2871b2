"""Score predicted masks with the measure of the data set's challenge, or with --measure another.

PREDICTIONS is a prediction folder or any tool's folder of VIDEO/FRAME.png. Every missing, unknown
or wrong-sized mask is reported. Scores go to standard output, and to files with --json and --csv
(- for standard output, which then holds nothing else).

Example: `vostool evaluate preds/final --dataset davis2017 --root data/DAVIS --split val`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vostool.cli import options


def run(
    predictions: Annotated[Path, typer.Argument(help="Folder of predicted masks.")],
    dataset: options.Dataset,
    root: options.Root,
    split: options.Split,
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
    from vostool.datasets.selection import Selection
    from vostool.stages.score.evaluate import evaluate

    options.show_messages(quiet, verbose)
    report = evaluate(
        predictions,
        Selection(dataset, root, split, tuple(video or ())),
        measure=measure,
        count_first=count_first,
        allow_extra=allow_extra,
        jobs=jobs,
        json=json,
        csv=csv,
    )
    options.results(beside=(json, csv)).print(report.table(per_object))
