"""`vostool infer clip.mp4 --mask first.png`: a video of one's own, without a data set."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vostool.core.errors import DataError, UsageError
from vostool.core.listing import some
from vostool.core.types import Video
from vostool.datasets.own_video import (
    Footage,
    GivenMasks,
    encode_masks,
    find_frame,
    read_footage,
    video_of,
)
from vostool.datasets.selection import Selection
from vostool.datasets.sets import own
from vostool.media.images import frame_size
from vostool.predictions.foreign.layouts import ForeignFrame
from vostool.predictions.foreign.values import VOID_CLEARED, look, meaning, to_ids
from vostool.predictions.origin import recorded_root
from vostool.stages.selecting import Asked

log = logging.getLogger(__name__)

DRAW = "draw one with vostool mask"


@dataclass(frozen=True)
class GivenMask:
    """A mask that the user gave.

    Attributes:
        frame: name of its frame.
        file: where it is.
        ids: uint8 `[H, W]`, of the frame's size, with at least one object.
        repairs: what was done to its values.
    """

    frame: str
    file: Path
    ids: np.ndarray
    repairs: tuple[str, ...]

    def __str__(self) -> str:
        numbers = [str(number) for number in np.unique(self.ids) if number]
        objects = f"object{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}"
        return f"frame {self.frame} ({'; '.join((f'{self.file}: {objects}', *self.repairs))})"


@dataclass(frozen=True)
class OwnVideo(Selection):
    """A selection of the one video that a movie and masks make; no file describes it yet.

    Attributes:
        footage: its frames.
        given: its masks, by time; at least one.
    """

    footage: Footage = field(kw_only=True)
    given: tuple[GivenMask, ...] = field(kw_only=True)

    @property
    def masks(self) -> GivenMasks:
        """Masks as codes."""
        return {mask.frame: encode_masks(mask.ids) for mask in self.given}

    @property
    def record(self) -> dict[str, str]:
        """What manifests say about it; other masks make it another run."""
        digest = hashlib.sha256()
        for mask in self.given:
            digest.update(mask.frame.encode() + mask.ids.tobytes())
        return {**super().record, "masks": digest.hexdigest()[:16]}

    def load(self) -> list[Video]:
        """The video, as a list."""
        return [video_of(self.footage, self.masks, "the masks given")]

    def inputs(self, videos: Iterable[Video]) -> list[Path]:
        """The movie or folder, and the masks' files."""
        return [self.footage.source, *(mask.file for mask in self.given)]

    def describe(self) -> Selection:
        """Write its description into the prediction folder; it is then a data set like others."""
        source, file = self.footage.source, self.root
        inside = tuple(
            m.file.name for m in self.given if m.file.resolve().parent == source.resolve()
        )
        own.write_description(file, recorded_root(source, file.parent), self.masks, inside)
        return Selection(self.dataset, file, self.split)

    def __str__(self) -> str:
        return self.footage.name


def own_video(source: Path, masks: Sequence[str], out: Path) -> OwnVideo:
    """A movie or a folder of frames, and its masks; says in one line what was understood.

    A mask is written FRAME=FILE, or FILE alone. FRAME is a frame's name or the number at its end; a
    movie's frames are numbered from 0. A FILE alone is of the frame that it is named like, or of
    the first frame if its name is no number.

    Args:
        out: the prediction folder, in which the description will be.

    Raises:
        UsageError: no mask; one without a file, a frame or an object; two of one frame.
        DataError: a video or mask that cannot be read or does not fit.
    """
    source = Path(source)
    if not masks:
        raise UsageError(
            "no mask is given that says what to follow", where=source, remedy=f"give --mask; {DRAW}"
        )
    if not source.exists():
        raise UsageError("no such movie or folder", where=source, remedy="check the path")
    parsed = [_parse(text) for text in masks]
    footage = read_footage(source, [file for _, file in parsed])
    found: dict[str, GivenMask] = {}
    for frame, file in parsed:
        mask = _read_mask(footage, _frame(footage, frame, file), file)
        if mask.frame in found:
            raise UsageError(
                f"two masks are of frame {mask.frame}: {found[mask.frame].file} and {file}",
                remedy="say which frames they are of (--mask 12=FILE), or draw all objects of a "
                "frame into one mask",
            )
        found[mask.frame] = mask
    given = tuple(found[name] for name in footage.names if name in found)
    chosen = OwnVideo(own.SPEC.name, out / own.FILE, own.SPLIT, footage=footage, given=given)
    _tell(chosen)
    return chosen


def refuse_data_set(source: Path, asked: Asked) -> None:
    """Raise UsageError where a data set, or a video of one, is named besides a video."""
    if asked.anything or asked.videos:
        raise UsageError(
            "a video of your own and a data set cannot be given together",
            where=source,
            remedy="leave out --dataset, --root, --split and --video, or the video",
        )


def refuse_alone(masks: Sequence[str], movie: Path | None) -> None:
    """Raise UsageError for what goes with a video of one's own, where there is none."""
    if masks or movie is not None:
        raise UsageError(
            f"{'--mask' if masks else '--movie'} goes with a video of your own",
            remedy="name the movie or its folder of frames: vostool infer clip.mp4 --mask FILE; "
            "vostool export-overlay makes movies of data sets",
        )


def _parse(text: str) -> tuple[str | None, Path]:
    """Frame, if it is said, and file."""
    frame, separator, file = text.partition("=")
    if separator and not Path(text).exists():
        where, path = frame, Path(file)
    else:
        where, path = None, Path(text)
    if not path.is_file():
        raise UsageError("no such mask file", where=path, remedy=f"check the path, or {DRAW}")
    return where, path


def _frame(footage: Footage, said: str | None, file: Path) -> str:
    """Name of the frame that a mask is of."""
    named = file.stem in footage.names or file.stem.isdecimal()
    wanted = file.stem if said is None and named else said
    return footage.names[0] if wanted is None else find_frame(footage, wanted, file)


def _read_mask(footage: Footage, frame: str, file: Path) -> GivenMask:
    """The mask in the toolkit's own ids, whatever tool wrote it."""
    seen = look(ForeignFrame(file, whole=file))
    try:
        ids, repairs = to_ids(seen, meaning([seen]))
    except DataError as error:
        raise DataError(
            f"the mask holds {error.what}",
            where=file,
            remedy="save it as a palette PNG whose indices are object ids, or as 0 and 255",
        ) from None
    if VOID_CLEARED in repairs:
        raise DataError(
            "the mask has 255 beside other ids, and 255 is no object's id",
            where=file,
            remedy="give this object an id of 1 to 254, or make it 0 if it is none",
        )
    size = frame_size(footage.frames[footage.names.index(frame)])
    if ids.shape != size:
        raise DataError(
            f"the mask is {ids.shape[0]} x {ids.shape[1]}, but frame {frame} of {footage.source} "
            f"is {size[0]} x {size[1]} (height x width)",
            where=file,
            remedy="draw it at the size of the frame",
        )
    if not ids.any():
        raise UsageError("the mask holds no object", where=file, remedy=DRAW)
    return GivenMask(frame, file, ids, repairs)


def _tell(chosen: OwnVideo) -> None:
    """What was understood, in one line; and a warning for what is given in vain."""
    footage, first = chosen.footage, chosen.given[0]
    height, width = first.ids.shape
    count = len(footage.names)
    parts = [
        f"{footage.source}: {count} frame{'s' * (count > 1)} of {height} x {width}",
        f"masks of {some([str(mask) for mask in chosen.given])}",
    ]
    if first.frame != footage.names[0]:
        parts.append(f"frames before {first.frame} stay empty, objects are followed forwards only")
    log.info("; ".join(parts))
    seen: set[int] = set()
    for mask in chosen.given:
        numbers = {int(number) for number in np.unique(mask.ids) if number}
        again = sorted(seen & numbers)
        if again:
            log.warning(
                f"object {', '.join(map(str, again))} is given in an earlier frame, too, and only "
                f"that mask counts ({mask.file}): give another object another id"
            )
        seen |= numbers
