"""Whether a prediction folder still is what its manifest says: no file lost, added or changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from vostool.core.console import progress
from vostool.core.errors import DataError
from vostool.core.threads import ordered_map
from vostool.predictions.file_digests import KINDS, digest, stated_digests
from vostool.predictions.folder import MASKS
from vostool.predictions.lineage import ingredients
from vostool.predictions.manifest import (
    FINISHED,
    NAME,
    lacks_parts,
    read_manifest,
    unfinished_videos,
    video_entries,
)
from vostool.predictions.written import LISTED


class Fault(Enum):
    """What can be wrong; values as tables show them."""

    MISSING = "missing"
    EXTRA = "not of this run"
    CHANGED = "changed"
    UNFINISHED = "not finished"
    DAMAGED = "damaged"
    SOURCE = "made of another"


@dataclass
class Verified:
    """What was found.

    Attributes:
        folder: what was looked at.
        files: how many files are as they were written.
        named: how many more are there, of which the manifest has no digest.
        faults: per kind, files or videos concerned, sorted.
        notes: what could not be compared, as sentences.
    """

    folder: Path
    files: int = 0
    named: int = 0
    faults: dict[Fault, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def blame(self, fault: Fault, place: str) -> None:
        """Note one fault."""
        self.faults.setdefault(fault, []).append(place)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def verify_predictions(folder: Path) -> Verified:
    """Compare every file below Annotations and Probabilities with `run.json`, and its sources.

    Raises:
        DataError: there is no manifest, or it cannot be read.
    """
    root = Path(folder)
    manifest = read_manifest(root) if root.is_dir() else None
    if manifest is None:
        raise DataError(
            f"there is nothing to verify against, no {NAME}",
            where=root,
            remedy="give a prediction folder or a training's folder that vostool wrote",
        )
    verified = Verified(root)
    for name in unfinished_videos(manifest):
        verified.blame(Fault.UNFINISHED, name)
    if lacks_parts(root):
        verified.notes.append("a process of this run has not begun, its videos are not known")
    _compare_files(verified, manifest)
    _compare_sources(verified, manifest)
    verified.faults = {fault: sorted(places) for fault, places in verified.faults.items()}
    return verified


def _compare_files(verified: Verified, manifest: Mapping[str, Any]) -> None:
    there = dict(_files(verified.folder))
    stated, begun, undigested = _stated(manifest)
    for place in stated.keys() - there.keys():
        verified.blame(Fault.MISSING, place)
    for place in there.keys() - stated.keys():
        if not place.startswith(begun):
            verified.blame(Fault.EXTRA, place)
    both = sorted(stated.keys() & there.keys())
    with progress("verify", len(both), "files") as bar:
        found = ordered_map(lambda place: stated[place] and digest(there[place]), both)
        for place, now in zip(both, found, strict=True):
            if now != stated[place]:
                verified.blame(Fault.CHANGED, place)
            elif now:
                verified.files += 1
            else:
                verified.named += 1
            bar.advance()
    if undigested:
        verified.notes.append(
            f"the manifest has no digests of {undigested} videos: names (or only how many masks "
            "there are) were compared, not contents"
        )
    _compare_counts(verified, manifest, there)


def _compare_counts(
    verified: Verified, manifest: Mapping[str, Any], there: Mapping[str, Path]
) -> None:
    """Of videos of which a manifest says only how many frames they have, as the oldest ones do."""
    for name, entry in video_entries(manifest).items():
        count = entry.get("frames")
        finished = entry.get("status", FINISHED) == FINISHED
        if not finished or LISTED in entry or not isinstance(count, int):
            continue
        place = f"{MASKS}/{name}"
        found = sum(path.startswith(f"{place}/") for path in there)
        if found < count:
            verified.blame(Fault.MISSING, f"{place}: {found} of {count} masks")
        elif found > count:
            verified.blame(Fault.EXTRA, f"{place}: {found} masks instead of {count}")
        else:
            verified.named += found


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    """All files of predictions, by their place below the root."""
    for kind, _ in KINDS:
        for path in (root / kind).rglob("*"):
            if path.is_file():
                yield path.relative_to(root).as_posix(), path


def _stated(manifest: Mapping[str, Any]) -> tuple[dict[str, str], tuple[str, ...], int]:
    """Digests by place (empty ones where only names are known), places of videos that are not
    finished, and how many finished videos have no digests."""
    stated: dict[str, str] = {}
    begun: list[str] = []
    undigested = 0
    for name, entry in video_entries(manifest).items():
        digests = stated_digests(entry)
        if entry.get("status", FINISHED) != FINISHED:
            begun += [f"{kind}/{name}/" for kind, _ in KINDS]
        elif digests is not None:
            for kind, files in digests.items():
                stated |= {f"{kind}/{name}/{file}": str(value) for file, value in files.items()}
        else:
            undigested += 1
            begun += [f"{kind}/{name}/" for kind, _ in KINDS if kind != MASKS]
            listed = entry.get(LISTED)
            if isinstance(listed, list):
                stated |= {f"{MASKS}/{name}/{frame}.png": "" for frame in listed}
            else:
                begun.append(f"{MASKS}/{name}/")
    return stated, tuple(begun), undigested


def _compare_sources(verified: Verified, manifest: Mapping[str, Any]) -> None:
    for item in ingredients(manifest, verified.folder):
        if item.file is None:
            verified.notes.append(f"the {item.what} {item.path} is not here any more")
        elif item.changed:
            verified.blame(Fault.SOURCE, f"{item.what} {item.path}")
