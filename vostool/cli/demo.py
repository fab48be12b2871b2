"""Run the whole main job on a small generated data set, in a few minutes without a GPU.

Data, two trainings, inference with views and memory strategies, ensemble, post-processing, scores, checked submission, HTML report.

Example: `vostool demo --out demo`
"""  # noqa: E501

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vostool.cli import options

STAGE = "demo"


def run(
    out: Annotated[Path, typer.Option(help="Folder for everything it makes.")] = Path("demo"),
    seed: Annotated[int, typer.Option(min=0, help="Of data, training and inference.")] = 0,
    quick: Annotated[
        bool, typer.Option("--quick", help="Less of everything; the scores are poor.")
    ] = False,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Run the command."""
    from vostool.core.output import Output
    from vostool.stages.demo.demo import DemoOptions, demo, demo_table

    options.show_messages(quiet, verbose)
    chosen = DemoOptions.quick(seed) if quick else DemoOptions(seed=seed)
    output = Output(out, resume, overwrite)
    result = demo(output, chosen)
    print(demo_table(result))
    print(f"submission: {result.archive}\nreport: {result.page}")
