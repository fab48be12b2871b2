"""`vostool mask`: a page on which one paints the first masks of a video."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vostool.core.errors import UsageError
from vostool.core.output import Output
from vostool.datasets.own_video import find_frame, read_footage
from vostool.painting.frames import FramePictures
from vostool.painting.masks import MaskFiles, SavedMask
from vostool.painting.server import Session, page_server

log = logging.getLogger(__name__)

SUFFIX = ".png"


@dataclass(frozen=True)
class PaintOptions:
    """How the page is served.

    Attributes:
        out: PNG file of the mask; default NAME-mask.png in the current folder.
        overwrite: replace it.
        frame: name or number of the frame that is shown first; default the first one.
        port: to listen on; 0 for any that is free.
        keep_open: go on after masks were saved.
    """

    out: Path | None = None
    overwrite: bool = False
    frame: str | None = None
    port: int = 0
    keep_open: bool = False


def paint_mask(
    source: Path,
    options: PaintOptions,
    show: Callable[[str], None],
    saved: list[SavedMask],
) -> None:
    """Serve the page until masks are saved, or for ever.

    Args:
        source: movie, or folder of frames.
        show: gets the page's address.
        saved: gets the masks, by time, also where an interrupt ends it.

    Raises:
        UsageError: no such video, frame or free port; a mask that would not be a PNG.
        DataError: the video cannot be read.
        OutputError: the mask exists and is not to be written over.
    """
    if not Path(source).exists():
        raise UsageError("no such movie or folder", where=source, remedy="check the path")
    footage = read_footage(source)
    out = options.out or Path(f"{footage.name}-mask{SUFFIX}")
    if out.suffix.lower() != SUFFIX:
        raise UsageError("a mask is a PNG file", where=out, remedy=f"end it in {SUFFIX}")
    if out.resolve().parent == footage.source.resolve():
        raise UsageError(
            "the mask would lie among the frames, and be taken for one",
            where=out,
            remedy="choose a place for it with --out",
        )
    start = 0 if options.frame is None else footage.names.index(find_frame(footage, options.frame))
    masks = MaskFiles(Output(out, overwrite=options.overwrite), (footage.source,))
    session = Session(FramePictures(footage), masks, start, options.keep_open)
    session.pictures.size(start)  # a video that cannot be read is told here, not on the page
    try:
        with page_server(session, options.port) as server:
            show(server.url)
            server.serve_forever(poll_interval=0.1)
    finally:
        saved += [masks.saved[name] for name in footage.names if name in masks.saved]


def next_command(source: Path, masks: Sequence[SavedMask]) -> str:
    """How to go on, ready to paste but for the checkpoint."""
    name = source.stem if source.is_file() else source.resolve().name
    words = ["vostool", "infer", str(source)]
    for mask in masks:
        words += ["--mask", f"{mask.frame}={mask.file}"]
    words += ["--checkpoint", "runs/NAME/best.ckpt", "--out", f"preds/{name}"]
    return shlex.join([*words, "--movie", f"{name}-masks.mp4"])
