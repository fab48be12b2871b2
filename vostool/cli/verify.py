"""Check that predictions, or a training's folder, still are what was written.

FOLDER is a prediction folder: every file is compared with the digests in its run.json, and so are
the checkpoints, the recipe and the predictions that it was made of, where they still are. Or it is
the folder of a training: every checkpoint is read and compared with the digests in it. Exit code 1
if a file is missing, changed or of no run of ours, or a source has changed.

Example: `vostool verify preds/final`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vostool.cli import options

STAGE = "predict"


def run(
    folder: Annotated[Path, typer.Argument(help="Prediction folder, or folder of a training.")],
    json: Annotated[
        Path | None, typer.Option("--json", help="Write everything found to this file.")
    ] = None,
    quiet: options.Quiet = False,
) -> None:
    """Run the command."""
    from vostool.stages.predict.verify import table, verify

    options.show_messages(quiet)
    verified = verify(folder, json)
    options.results(beside=(json,)).print(table(verified))
    if not verified.ok:
        raise typer.Exit(1)
