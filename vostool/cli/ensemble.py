"""Combine prediction folders of several runs into one.

Takes the mean of probabilities where all members have them (infer --save-probabilities), otherwise
a vote of masks, which may come from any tool. Members must agree on videos, frames, sizes and ids.

Example: `vostool ensemble preds/r50 preds/rx50 --weights 2,1 --out preds/ens`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vostool.cli import options
from vostool.core.errors import UsageError


def run(
    members: Annotated[list[Path], typer.Argument(help="Prediction folders.")],
    out: Annotated[Path, typer.Option(help="New prediction folder.")],
    method: Annotated[str, typer.Option(help="auto, mean (of probabilities) or vote.")] = "auto",
    weights: Annotated[
        str | None, typer.Option(help="One number per folder, such as 2,1,1.")
    ] = None,
    save_probabilities: Annotated[
        bool, typer.Option("--save-probabilities", help="Write the mean probabilities too.")
    ] = False,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Run the command."""
    from vostool.stages.predict.ensemble import ensemble

    options.show_messages(quiet, verbose)
    result = ensemble(
        members,
        out,
        method=method,  # type: ignore[arg-type]
        weights=_numbers(weights),
        save_probabilities=save_probabilities,
        resume=resume,
        overwrite=overwrite,
    )
    print(f"{result.folder} ({result.method}, {result.frames} frames)")


def _numbers(text: str | None) -> list[float] | None:
    try:
        return None if text is None else [float(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(
            f"--weights {text} are not numbers", remedy="write one per folder, such as 2,1,1"
        ) from None
