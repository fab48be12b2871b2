"""Where a report's pictures go: files beside its pages, or into the page itself."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from vostool.reporting.overlay import write_bytes

FOLDER = "pictures"


class Pictures(Protocol):
    """Takes pictures and says how a page names them."""

    def add(self, place: str, jpeg: bytes) -> str:
        """The address of a picture.

        Args:
            place: its name without suffix, of letters, digits, dashes and slashes.
        """


class PictureFolder:
    """Writes pictures into `folder/pictures`, each atomically."""

    def __init__(self, folder: Path):
        self._folder = folder

    def add(self, place: str, jpeg: bytes) -> str:
        """Write it; the address is relative to the folder."""
        relative = f"{FOLDER}/{place}.jpg"
        write_bytes(self._folder / relative, jpeg)
        return quote(relative)


class InlinePictures:
    """Makes data URIs."""

    def add(self, place: str, jpeg: bytes) -> str:
        """The picture itself."""
        return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}"


def slug(number: int, name: str) -> str:
    """A name for files and addresses, whatever a video is called: "03-bmx-trees"."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:40]
    return f"{number:02d}-{plain}" if plain else f"{number:02d}"


SLUG = re.compile(r"\d{2,}(-[A-Za-z0-9-]+)?")
"""Whole names that `slug` makes."""


def discard_report(folder: Path, page: str) -> None:
    """Remove what an earlier report wrote, its pages before its pictures. Other files stay.

    So no page ever shows the pictures or scores of another report.
    """
    (folder / page).unlink(missing_ok=True)
    for path in folder.glob("*.html"):
        if SLUG.fullmatch(path.stem):
            path.unlink()
    top = folder / FOLDER
    if top.is_symlink() or not top.is_dir():
        return
    for place in top.iterdir():
        if place.is_dir() and not place.is_symlink():
            for picture in place.glob("*.jpg"):
                if picture.stem.isdigit():
                    picture.unlink()
            if not any(place.iterdir()):
                place.rmdir()
