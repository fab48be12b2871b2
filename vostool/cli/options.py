"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vostool.core.console import Console

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings only.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print details too.")]
Resume = Annotated[bool, typer.Option("--resume", help="Keep what is finished, do the rest.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Write over existing results.")]
Dataset = Annotated[str, typer.Option("--dataset", help="Data set, such as davis2017.")]
Root = Annotated[Path, typer.Option("--root", help="Folder that holds the data set.")]
Split = Annotated[str, typer.Option("--split", help="Split, such as val.")]


def console(quiet: bool = False, verbose: bool = False) -> Console:
    """The console for these two options."""
    return Console(quiet=quiet, verbose=verbose)
