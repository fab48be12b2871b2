"""What the data sets' folder layouts have in common: listing files, collecting faults."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vostool.core import reading
from vostool.core.errors import DataError
from vostool.core.listing import NO_UNICODE, knows_all_names, require_text
from vostool.core.types import Video
from vostool.media.images import IMAGE_SUFFIXES

CHECK = "check the data set (vostool check-data)"
"""The usual remedy."""

MASK_SUFFIXES = frozenset({".png"})

LONGEST_NAME = 255
"""Bytes that file systems allow."""

_DIGITS = re.compile(r"(\d+)")


class FaultyVideos(DataError):
    """Some videos of a data set cannot be used.

    Attributes:
        problems: one sentence per faulty video, by its name.
        videos: the videos that are all right.
    """

    def __init__(self, problems: Mapping[str, str], videos: Sequence[Video]):
        self.problems, self.videos = dict(problems), tuple(videos)
        first = next(iter(self.problems.values()))
        if len(self.problems) == 1:
            super().__init__(first)
        else:
            super().__init__(
                f"{len(self.problems)} videos are faulty (vostool check-data lists them): {first}"
            )


def build_videos(names: Iterable[str], build: Callable[[str], Video]) -> list[Video]:
    """Build all videos, sorted by name, going on after a faulty one.

    Raises:
        FaultyVideos: at least one failed.
    """
    videos: list[Video] = []
    problems: dict[str, str] = {}
    for name in sorted(names):
        try:
            videos.append(build(name))
        except DataError as error:
            problems[name] = str(error)
    if problems:
        raise FaultyVideos(problems, videos)
    return videos


def natural_key(text: str) -> tuple[list[tuple[int, str]], str]:
    """Sort key by which 'frame9' comes before 'frame10'."""
    parts = [(int(part), "") if part.isdecimal() else (-1, part) for part in _DIGITS.split(text)]
    return parts, text


def list_files(folder: Path, suffixes: frozenset[str] = IMAGE_SUFFIXES) -> dict[str, Path]:
    """Files of a folder with one of the suffixes, by stem, in natural order.

    A missing folder gives none. Hidden files are passed over.

    Raises:
        DataError: two files have the same stem, or a name that is no text.
    """
    found: dict[str, Path] = {}
    try:
        entries = sorted(entry.name for entry in os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return found
    for name in entries:
        stem, suffix = os.path.splitext(name)
        if suffix.lower() not in suffixes or name.startswith("."):
            continue
        if stem in found:
            raise DataError(
                f"{found[stem].name} and {name} are the same frame twice",
                where=folder,
                remedy="remove one of them",
            )
        found[stem] = folder / name
    require_text(found, folder)
    return {stem: found[stem] for stem in sorted(found, key=natural_key)}


def list_folders(folder: Path) -> list[str]:
    """Names of the visible sub-folders, sorted; none if the folder is missing.

    Raises:
        DataError: a name is no text.
    """
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
    names = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
    require_text(names, folder)
    return names


def safe_name(name: str, where: Path) -> str:
    """The name, if it can be a folder inside another.

    Raises:
        DataError: it is empty or would lead elsewhere.
    """
    if not name or name in (".", "..") or set(name) & set("/\\\0") or not _encodable(name):
        hindered = not name.isascii() and not knows_all_names()
        raise DataError(
            f"{name!r} cannot be the name of a video",
            where=where,
            remedy=NO_UNICODE if hindered else "rename it, in this file and as a folder",
        )
    return name


def _encodable(name: str) -> bool:
    """Whether a file system takes it as a name."""
    try:
        return len(os.fsencode(name)) <= LONGEST_NAME
    except UnicodeEncodeError:
        return False


def first_folder(candidates: Sequence[Path], what: str, remedy: str) -> Path:
    """The first candidate that exists.

    Raises:
        DataError: none does; names the first candidate.
    """
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    raise DataError(f"{what} is missing", where=candidates[0], remedy=remedy)


def read_json(path: Path, remedy: str = CHECK) -> Any:
    """Parse a JSON file.

    Raises:
        DataError: missing, not JSON, or beyond the bounds of `core.reading`.
    """
    return reading.read_json(path, remedy=remedy, missing=remedy)
