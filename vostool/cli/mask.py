"""Paint the first masks of your own video on a page in your browser.

The page is served on this machine alone and ends when the masks are saved. Brush, eraser and
polygons, several objects, any frame; all of it works by keyboard, too. On a machine without a
screen: --no-browser --port 8765, and `ssh -L 8765:127.0.0.1:8765 MACHINE` from yours.

Example: `vostool mask clip.mp4 --out first.png`
"""

from __future__ import annotations

import threading
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from vostool.cli import options

STAGE = "predict"


def run(
    clip: Annotated[Path, typer.Argument(help="Movie, or folder of frames.")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="The mask, a PNG file; default VIDEO-mask.png. Those of further frames "
            "get the frame's name besides."
        ),
    ] = None,
    frame: Annotated[
        str | None,
        typer.Option(help="Number (movies count from 0) or name of the frame to begin with."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; default any free one.")] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the page's address.")
    ] = False,
    keep_open: Annotated[
        bool, typer.Option("--keep-open", help="Go on after saving, until Ctrl-C or Finish.")
    ] = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Run the command."""
    from vostool.painting.masks import SavedMask
    from vostool.stages.predict.paint_mask import PaintOptions, next_command, paint_mask

    def show(url: str) -> None:
        print(f"paint on {url} (Ctrl-C ends)", flush=True)
        if not no_browser:
            # Some browsers run in the terminal and return when they are closed.
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

    options.show_messages(quiet)
    saved: list[SavedMask] = []
    asked = PaintOptions(out, overwrite, frame, port, keep_open)
    try:
        paint_mask(clip, asked, show, saved)
    finally:
        if saved:
            print(f"next: {next_command(clip, saved)}")
