"""Layered prediction folders: a folder per object, `VIDEO/000/FRAME.png`, as SA-V has them.

The folder's number is the object's id less one, because 000 is an object and 0 is no id.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from vostool.core.types import VOID

_NUMBER = re.compile(r"\d{3,4}")


def layer_folder(number: int) -> str:
    """Name of the folder of an object."""
    return f"{number - 1:03d}"


def layer_id(folder: str) -> int | None:
    """The object that a folder's name stands for; None where it stands for none."""
    if not _NUMBER.fullmatch(folder) or int(folder) + 1 >= VOID:
        return None
    return int(folder) + 1


def layered_videos(base: Path, flat: Collection[str]) -> dict[str, dict[int, frozenset[str]]]:
    """Frames of each object of each layered video, by name and id.

    Args:
        base: holds a folder per video.
        flat: videos that have masks for all objects together; these are passed over.
    """
    found = {}
    for folder in sorted(base.iterdir()):
        if not folder.is_dir() or folder.name.startswith(".") or folder.name in flat:
            continue
        objects = {
            number: frozenset(path.stem for path in place.glob("*.png"))
            for place in sorted(folder.iterdir())
            if place.is_dir() and (number := layer_id(place.name)) is not None
        }
        objects = {number: frames for number, frames in objects.items() if frames}
        if objects:
            found[folder.name] = objects
    return found
