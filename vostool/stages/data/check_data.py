"""`vostool check-data`: what is in a data set and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from vostool.core.console import progress
from vostool.core.threads import ordered_map
from vostool.datasets.inventory import DataReport, Inventory, check_still, check_video
from vostool.datasets.layout import FaultyVideos
from vostool.datasets.selection import Selection
from vostool.datasets.still_catalogue import load_stills


def check_data(selection: Selection, *, quick: bool = False) -> DataReport:
    """Look at every video of a split, or at those chosen.

    Args:
        quick: read the headers of images and the masks in which objects start; otherwise decode
            every image and every mask.

    Raises:
        UsageError: unknown data set or split.
        DataError: nothing can be loaded at all.
    """
    faults: tuple[str, ...] = ()
    try:
        videos = selection.load()
    except FaultyVideos as error:
        videos, faults = list(error.videos), tuple(error.problems.values())
    work = [partial(check_video, video, quick) for video in videos]
    items = _in_threads(work, "checking videos")
    return DataReport(str(selection), tuple(items), faults)


def check_stills(source: str, root: Path, *, quick: bool = False) -> DataReport:
    """Look at every still image; `quick` reads image headers only and no masks.

    Raises:
        UsageError: unknown kind of source.
        DataError: nothing can be loaded at all.
    """
    stills = load_stills(source, root)
    work = [partial(check_still, still, quick) for still in stills]
    return DataReport(source, tuple(_in_threads(work, "checking images")))


def _in_threads(work: Iterable[Callable[[], Inventory]], label: str) -> list[Inventory]:
    """Run checks side by side, keeping their order; decoding releases the interpreter lock."""
    tasks = list(work)
    found = []
    with progress(label, len(tasks), "items") as bar:
        for item in ordered_map(lambda task: task(), tasks):
            found.append(item)
            bar.advance()
    return found
