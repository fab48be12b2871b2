"""Where another tool has put the masks of which video, frame and object.

Understood are, below a folder (or its `Annotations`): `VIDEO/FRAME.png`; `VIDEO/OBJECT/FRAME.png`
(SAM 2's per-object folders); `VIDEO/FRAME_OBJECT.png`; `VIDEO.npy` or `VIDEO.npz` with a stack; and
a folder of one video's masks itself.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError

import numpy as np

from vostool.core.errors import DataError
from vostool.core.listing import require_text
from vostool.media.images import MAX_PIXELS
from vostool.predictions.probability_file import DAMAGED

MASKS = "Annotations"
_NUMPY_FAULTS = (*DAMAGED, TypeError, SyntaxError, ArithmeticError, struct.error, TokenError)
IMAGES = frozenset({".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg", ".webp"})
STACKS = frozenset({".npy", ".npz"})
_OF_OBJECT = re.compile(r"(.*\d)[_-](?:obj(?:ect)?|id|mask)?[_-]?(\d{1,3})")
"""Frame and object in a name such as 00005_2 or 00005_obj2."""


@dataclass(frozen=True)
class ForeignFrame:
    """Masks of one frame.

    Attributes:
        where: file, for messages.
        whole: the file of all objects together.
        objects: a file per object, by the number that the tool gave it.
        read: makes the values of a stack, integers `[H, W]` or bool `[N, H, W]`.
        numbers: of the N objects; by default from 1.
    """

    where: Path
    whole: Path | None = None
    objects: Mapping[int, Path] | None = None
    read: Callable[[], np.ndarray] | None = None
    numbers: tuple[int, ...] | None = None


def foreign_videos(root: Path) -> dict[str, dict[str, ForeignFrame]]:
    """Frames of all videos by name, sorted.

    Raises:
        DataError: there are none, or a stack cannot be read.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError("no such folder of masks", where=root, remedy="check the path")
    base = root / MASKS if (root / MASKS).is_dir() else root
    found = {path.stem: _stack(path) for path in _files(base, STACKS)}
    for folder in _folders(base):
        frames = _frames(folder)
        if frames:
            found[folder.name] = frames
    if not found:
        own = _of_files(base)
        found = {root.resolve().name: own} if own else {}
    if not found:
        raise DataError(
            "no masks are found in the folder",
            where=root,
            remedy="expected VIDEO/FRAME.png, VIDEO/OBJECT/FRAME.png, VIDEO/FRAME_OBJECT.png or "
            "VIDEO.npy in it",
        )
    for name, frames in found.items():
        require_text((name, *frames), base)
    return dict(sorted(found.items()))


def _frames(folder: Path) -> dict[str, ForeignFrame]:
    by_object: dict[str, dict[int, Path]] = {}
    for place in _folders(folder):
        number = re.search(r"\d+$", place.name)
        if number is None:
            continue
        for path in _files(place, IMAGES):
            by_object.setdefault(path.stem, {})[int(number[0])] = path
    return _per_object(by_object) or _of_files(folder)


def _of_files(folder: Path) -> dict[str, ForeignFrame]:
    files = _files(folder, IMAGES)
    names = [_OF_OBJECT.fullmatch(path.stem) for path in files]
    if files and all(names):
        by_object: dict[str, dict[int, Path]] = {}
        for path, name in zip(files, names, strict=True):
            assert name is not None
            by_object.setdefault(name[1], {})[int(name[2])] = path
        # One frame only, with many objects, is rather a clip named like 'video1_003'.
        if len(by_object) > 1 or len(files) == 1:
            return _per_object(by_object)
    return {path.stem: ForeignFrame(path, whole=path) for path in files}


def _per_object(frames: Mapping[str, Mapping[int, Path]]) -> dict[str, ForeignFrame]:
    return {
        name: ForeignFrame(next(iter(objects.values())), objects=objects)
        for name, objects in sorted(frames.items())
    }


def _stack(path: Path) -> dict[str, ForeignFrame]:
    """Frames of `[T, H, W]` ids or `[T, N, H, W]` objects by index; or an array per frame."""
    with _explained(path):
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return _of_array(path, loaded)
        if len(loaded.files) == 1:
            return _of_array(path, loaded[loaded.files[0]])
        return {name: _array_frame(path, loaded, name) for name in loaded.files}


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """What numpy and zipfile raise on damaged files, as a sentence."""
    try:
        yield
    except _NUMPY_FAULTS as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"a stack of masks cannot be read, {error or type(error).__name__}",
            where=path,
            remedy="save integers [T, H, W] or bool [T, N, H, W] with numpy.save",
        ) from None


def _of_array(path: Path, stack: np.ndarray) -> dict[str, ForeignFrame]:
    if stack.ndim not in (3, 4):
        raise ValueError(f"it has {stack.ndim} axes instead of 3 or 4")
    return {str(time): _array_frame(path, stack, time) for time in range(len(stack))}


def _array_frame(path: Path, source: Mapping | np.ndarray, key: int | str) -> ForeignFrame:
    def read() -> np.ndarray:
        with _explained(path):
            values = np.asarray(source[key])  # type: ignore[index]
        if values.ndim not in (2, 3) or not 0 < values.shape[-1] * values.shape[-2] <= MAX_PIXELS:
            raise DataError(f"an array of shape {values.shape} is no mask", where=path)
        return values

    return ForeignFrame(path / str(key), read=read)


def _files(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in suffixes and path.is_file() and not path.name.startswith(".")
    )


def _folders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
