"""Make short video clips from still images with masks.

Every clip warps one still differently in each frame and may move objects of other stills over it.
The result is a data set in the DAVIS 2017 layout, for `train` and for looking at: contact-sheet.png
shows the first clips. Training can also synthesize on the fly, without this command.

Example: `vostool synthesize --images data/static --out data/pseudo --clips 2000`
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vostool.cli import options

STAGE = "data"
Images = Annotated[Path, typer.Option("--images", "--root", help="Folder of the stills.")]
Masks = Annotated[Path | None, typer.Option("--masks", help="Their masks, if elsewhere.")]
Kind = Annotated[str, typer.Option("--stills", help="Kind of source, such as voc or coco.")]
Out = Annotated[Path, typer.Option("--out", help="Folder of the new data set.")]
Clips = Annotated[int, typer.Option(min=1, max=1_000_000, help="Number of clips.")]
Frames = Annotated[int, typer.Option(min=2, max=100, help="Frames of a clip.")]
Size = Annotated[str, typer.Option(help="Height x width of the frames in pixels.")]
MaxObjects = Annotated[int, typer.Option(min=1, max=254, help="Objects of a clip.")]
Paste = Annotated[float, typer.Option(min=0, max=1, help="Share of clips with pasted objects.")]
Seed = Annotated[int, typer.Option(min=0, help="Another seed gives other clips.")]


def run(
    images: Images,
    out: Out,
    masks: Masks = None,
    stills: Kind = "image-folder",
    clips: Clips = 1000,
    frames: Frames = 3,
    size: Size = "384x384",
    max_objects: MaxObjects = 3,
    paste: Paste = 0.5,
    seed: Seed = 0,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Make short video clips from still images with masks."""
    from vostool.core.output import Output
    from vostool.stages.data.synthesize import clip_options, find_stills, synthesize

    options.show_messages(quiet)
    result = synthesize(
        find_stills(stills, images, masks),
        Output(out, resume, overwrite),
        clips=clips,
        options=clip_options(size, frames=frames, max_objects=max_objects, paste=paste),
        seed=seed,
    )
    print(f"{result.clips} clips in {result.folder}, shown in {result.contact_sheet}")
