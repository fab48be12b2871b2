"""Digests of the files of a video, as a manifest's entry holds them once the video is finished.

They are 64 bits of each file's SHA-256: enough to notice damage and mix-ups, small enough for a
manifest that is written after every video. They do not prove who wrote a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vostool.predictions.folder import MASKS, PROBABILITIES
from vostool.predictions.manifest import file_digest

KEY = "digests"
KINDS = ((MASKS, ".png"), (PROBABILITIES, ".npz"))
"""Folders of a prediction folder, and the suffix of the files in them."""
_DIGITS = 16


def digest(path: Path) -> str:
    """Of one file."""
    return file_digest(path)[:_DIGITS]


def video_files(root: Path, video: str) -> dict[str, dict[str, Path]]:
    """Files of a video by kind and by name below `root/KIND/VIDEO`, masks per object included."""
    found: dict[str, dict[str, Path]] = {}
    for kind, suffix in KINDS:
        folder = root / kind / video
        paths = sorted([*folder.glob(f"*{suffix}"), *folder.glob(f"*/*{suffix}")])
        if paths:
            found[kind] = {path.relative_to(folder).as_posix(): path for path in paths}
    return found


def stated_digests(entry: Mapping[str, Any]) -> dict[str, dict[str, str]] | None:
    """What a manifest's entry of a video says; None where it says nothing, or nothing usable."""
    stated = entry.get(KEY)
    if not isinstance(stated, dict) or not all(isinstance(v, dict) for v in stated.values()):
        return None
    return stated
