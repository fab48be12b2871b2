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

Source = Annotated[Path, typer.Argument(help="Prediction folder or result file.")]
To = Annotated[str | None, typer.Option("--to", help="flat or layered, for a folder.")]
Dataset = Annotated[str | None, typer.Option("--dataset", help="Of a result file, such as burst.")]
Root = Annotated[Path | None, typer.Option("--root", help="Folder that holds the data set.")]
Split = Annotated[str | None, typer.Option("--split", help="Split, such as val.")]


def run(
    source: Source,
    out: Annotated[Path, typer.Option("--out", help="New prediction folder.")],
    to: To = None,
    dataset: Dataset = None,
    root: Root = None,
    split: Split = None,
    quiet: options.Quiet = False,
) -> None:
    """Convert."""
    from vostool.core.errors import UsageError
    from vostool.core.output import Output
    from vostool.datasets.selection import Selection
    from vostool.stages.predict.convert import Form, convert, unpack_result

    options.show_messages(quiet)
    selection = Selection.of(dataset, root, split)
    if (to is None) == (selection is None):
        raise UsageError(
            "a folder is converted --to flat or layered, a result file with --dataset",
            remedy="give --to, or --dataset with --root and --split",
        )
    if selection is not None:
        unpack_result(source, selection, Output(out))
        return
    forms = {form.value: form for form in Form}
    if to not in forms:
        raise UsageError(f"no form is called {to!r}", remedy=f"known: {', '.join(forms)}")
    convert(source, forms[to], Output(out))
