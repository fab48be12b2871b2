"""Write the masks of a prediction folder in a form that other tools read.

--as objects: a folder per object, VIDEO/ID/FRAME.png; rle: run-length codes in one JSON file, as
YouTube-VIS has them; numpy: VIDEO.npy. `vostool import` reads all of them back; `vostool
export-overlay` makes pictures and movies.

Example: `vostool export preds/final --as rle --out final.json`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vostool.cli import options
from vostool.stages.predict.export_masks import Form

STAGE = "predict"


def run(
    predictions: Annotated[Path, typer.Argument(help="Prediction folder.")],
    out: Annotated[Path, typer.Option(help="New folder; a .json file with --as rle.")],
    form: Annotated[Form, typer.Option("--as", help="What to write.")] = Form.OBJECTS,
    video: options.Video = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Run the command."""
    from vostool.core.output import Output
    from vostool.stages.predict.export_masks import export_masks

    options.show_messages(quiet)
    output = Output(out, overwrite=overwrite)
    result = export_masks(predictions, form, output, video or ())
    print(f"{result.out} ({result.videos} videos)")
