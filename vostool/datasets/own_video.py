"""One video of a user's own: its frames, from a movie file or a folder, and the masks given."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vostool.core.errors import DataError, UsageError
from vostool.core.types import EncodedMask, Frame, Layer, Video, VideoObject
from vostool.datasets.frame_names import by_number
from vostool.datasets.layout import list_files, safe_name
from vostool.media.images import IMAGE_SUFFIXES, open_image
from vostool.media.movie import count_frames
from vostool.media.rle import encode_runs

DIGITS = 5
"""Frames of a movie are named by their position from 0 with this many digits."""
JPEG = frozenset({".jpg", ".jpeg"})

GivenMasks = Mapping[str, Mapping[int, EncodedMask]]
"""Per frame, the mask of each object, by its id."""


@dataclass(frozen=True)
class Footage:
    """Frames without any masks.

    Attributes:
        name: the file's or folder's, without suffix.
        source: movie file, or folder of images.
        frames: in time order, at least one.
    """

    name: str
    source: Path
    frames: tuple[Frame, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the frames."""
        return tuple(frame.name for frame in self.frames)


def read_footage(source: Path, masks: Collection[Path] = ()) -> Footage:
    """Look which frames a movie or a folder has.

    Of a folder, JPEG files are the frames where there are any, else all images.

    Args:
        source: a movie file (whatever OpenCV opens, animated GIF and PNG too), or a folder.
        masks: files that are no frames, even if they lie in the folder.

    Raises:
        DataError: missing, a single picture, without frames, or not to be opened as a movie.
    """
    source = Path(source)
    if not source.is_dir():
        _refuse_still(source)
        name = safe_name(source.stem, source)
        return Footage(name, source, movie_frames(name, source))
    name = safe_name(source.resolve().name, source)
    others = {path.resolve() for path in masks}
    files = list_files(source, JPEG) or {
        stem: path
        for stem, path in list_files(source, IMAGE_SUFFIXES).items()
        if path.resolve() not in others
    }
    if not files:
        raise DataError(
            "the folder holds no frames",
            where=source,
            remedy="give the folder that holds them itself, as JPEG or PNG, or a movie file",
        )
    return Footage(name, source, tuple(Frame(stem, path) for stem, path in files.items()))


def movie_frames(name: str, path: Path) -> tuple[Frame, ...]:
    """The frames of a movie file, which is decoded once to count them.

    Raises:
        DataError: missing, not to be opened, or without frames.
    """
    count = count_frames(path)
    if not count:
        raise DataError("the movie has no frames", where=path, remedy="convert it again")
    return tuple(Frame(f"{i:0{DIGITS}d}", path, movie_index=i) for i in range(count))


def find_frame(footage: Footage, wanted: str, where: Path | None = None) -> str:
    """Name of the frame that is named so, or has this number at the end of its name.

    Args:
        where: what wants it, for the message.

    Raises:
        UsageError: there is none.
    """
    numbers = by_number(footage.names)
    if wanted in footage.names:
        return wanted
    if wanted.isdecimal() and int(wanted) in numbers:
        return numbers[int(wanted)]
    raise UsageError(
        f"{footage.source} has no frame {wanted}",
        where=where,
        remedy=f"it has {len(footage.names)} frames, {footage.names[0]} to {footage.names[-1]}",
    )


def _refuse_still(path: Path) -> None:
    """OpenCV opens a picture as a movie: of itself, or of all those numbered like it."""
    if path.suffix.lower() not in IMAGE_SUFFIXES or not path.is_file():
        return
    with open_image(path) as image:
        moves = getattr(image, "is_animated", False)
    if not moves:
        raise DataError(
            "this is a single picture", where=path, remedy="give a movie, or a folder of frames"
        )


def encode_masks(ids: np.ndarray) -> dict[int, EncodedMask]:
    """Run-length codes of the objects in uint8 `[H, W]` ids, by id."""
    return {int(number): encode_runs(ids == number) for number in np.unique(ids) if number}


def video_of(footage: Footage, masks: GivenMasks, where: str) -> Video:
    """A video whose masks are given as codes; all frames are output frames.

    An object belongs to the first frame that has a mask of it.

    Args:
        where: what holds the masks, for messages.

    Raises:
        DataError: masks of a frame that the video does not have, or no object at all.
    """
    lost = sorted(masks.keys() - set(footage.names))
    if lost:
        raise DataError(
            f"a mask is of frame {lost[0]}, which {footage.source} does not have",
            where=where,
            remedy="it is another video, or some of its frames are gone",
        )
    first: dict[int, str] = {}
    for name in footage.names:
        for number in masks.get(name, ()):
            first.setdefault(number, name)
    if not first:
        raise DataError("no object is given", where=where, remedy="draw one (vostool mask)")
    frames = [
        replace(frame, layers=_layers(masks[frame.name], f"{where}, frame {frame.name}"))
        if frame.name in masks
        else frame
        for frame in footage.frames
    ]
    objects = tuple(VideoObject(number, first[number]) for number in sorted(first))
    return Video(footage.name, tuple(frames), objects, footage.names)


def _layers(masks: Mapping[int, EncodedMask], where: str) -> tuple[Layer, ...]:
    return tuple(Layer(number, code, where) for number, code in sorted(masks.items()))
