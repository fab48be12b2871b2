"""Download public data sets: continues where it stopped, verifies, extracts safely.

For data sets behind a login it prints where to get them, the layout that results and the command
that verifies it.

Example: `vostool download davis2017-trainval --root data`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vostool.cli import options

STAGE = "data"
Names = Annotated[list[str] | None, typer.Argument(help="Names as shown by --list.")]
Root = Annotated[Path, typer.Option("--root", help="Folder for all data sets.")]
List = Annotated[bool, typer.Option("--list", help="Show what can be downloaded, and stop.")]
Keep = Annotated[bool, typer.Option("--keep-archives", help="Keep archives after extraction.")]
Yes = Annotated[
    bool, typer.Option("--yes", help="Unpack archives without a published checksum, too.")
]


def run(
    names: Names = None,
    root: Root = Path("data"),
    list_: List = False,
    keep_archives: Keep = False,
    yes: Yes = False,
    quiet: options.Quiet = False,
) -> None:
    """Run the command."""
    from vostool.stages.data.download import download, list_downloads

    options.show_messages(quiet)
    if list_:
        print(list_downloads())
        return
    outcomes = download(names or [], root, keep_archives=keep_archives, unverified=yes)
    print("\n".join(outcome.text for outcome in outcomes))
