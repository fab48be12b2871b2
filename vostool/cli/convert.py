"""Convert predictions: one mask per frame, one mask per object, or a challenge's result file.

SOURCE is a prediction folder (--to flat or --to layered), or a result file of any tool, such as
BURST's JSON or VISOR's archive (with --dataset, --root and --split). Of overlapping objects, the
smaller one lies on top in flat masks.

Example: `vostool convert preds/layered --to flat --out preds/flat`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vostool.cli import options

STAGE = "predict"
Source = Annotated[Path, typer.Argument(help="Prediction folder or result file.")]
To = Annotated[str | None, typer.Option("--to", help="flat or layered, for a folder.")]


def run(
    source: Source,
    out: Annotated[Path, typer.Option("--out", help="New prediction folder.")],
    to: To = None,
    dataset: options.Dataset = None,
    root: options.Root = None,
    split: options.Split = None,
    video: options.Video = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Convert."""
    from vostool.core.errors import UsageError
    from vostool.core.output import Output
    from vostool.stages.predict.convert import Form, convert, unpack_result
    from vostool.stages.selecting import Asked, select_videos

    options.show_messages(quiet)
    asked, output = Asked(dataset, root, split), Output(out, overwrite=overwrite)
    if (to is None) != asked.anything:
        raise UsageError(
            "a folder is converted --to flat or layered, a result file with --dataset",
            remedy="give --to, or --dataset with --root and --split",
        )
    if asked.anything and video:
        raise UsageError("a result file is of all videos of its split", remedy="leave out --video")
    if asked.anything:
        unpack_result(source, select_videos(asked), output)
        return
    forms = {form.value: form for form in Form}
    if to not in forms:
        raise UsageError(f"no form is called {to!r}", remedy=f"known: {', '.join(forms)}")
    convert(source, forms[to], output, video or ())
