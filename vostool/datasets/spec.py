"""What the rest of vostool needs to know of a video data set, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from vostool.core.types import Video


@dataclass(frozen=True)
class ScoringRule:
    """Which frames of an object count, and which measure the data set is reported with.

    Attributes:
        measure: name of a measure (`vostool/scoring/measures/`).
        skip_first: leave out the frame in which an object's mask is given.
        skip_last: leave out the last frame of the video (DAVIS).
        unseen: categories that the training set does not have (YouTube-VOS).
        unseen_videos: videos that count as unseen (LVOS).
    """

    measure: str
    skip_first: bool = True
    skip_last: bool = False
    unseen: frozenset[str] = frozenset()
    unseen_videos: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Server:
    """Where predictions are handed in, and whether that still works.

    Attributes:
        name: what it is called, with its address where it is known.
        alive: whether it takes submissions.
        known: date of that knowledge.
        source: where that knowledge is from.
    """

    name: str
    alive: bool
    known: str
    source: str

    @property
    def status(self) -> str:
        """One line for people."""
        word = "takes submissions" if self.alive else "takes no submissions any more"
        return f"{self.name}: {word} (known {self.known}: {self.source})"


@dataclass(frozen=True)
class SubmissionProfile:
    """What a server wants to find in the archive.

    Attributes:
        prefix: folder inside the zip above the video folders, "" or such as "Annotations/".
        reject_single_top_level: the scorer refuses, or misreads, an archive with exactly one
            top-level entry.
        note: one sentence for the user about this server.
        server: where the archive goes; None for a format that is scored locally.
        format: name of a kind of archive (`vostool/submission/formats/`).
    """

    prefix: str = ""
    reject_single_top_level: bool = False
    note: str = ""
    server: Server | None = None
    format: str = "masks"


@dataclass(frozen=True)
class VideoDatasetSpec:
    """One video data set.

    Attributes:
        name: as on the command line.
        title: one line for people.
        splits: names that `load` takes.
        load: `(root, split) -> videos`, sorted by name; raises DataError with file and remedy.
        ground_truth_splits: the splits whose annotations are public on every scored frame.
        scoring: how predictions are scored.
        submissions: per split, what the server wants.
        where: how to get the data.
        index: `(root, split) -> {video: categories}` without looking at frames, where the data
            set has an index that says so; otherwise it follows from `load`.
        unseen: `root -> categories that training does not have`, where that can be found out.
        unseen_videos: `root -> videos that count as unseen`, where the set lists videos (LVOS).
        holdout: videos of the training split that `vostool split` keeps for validation by
            default; None: a tenth.
    """

    name: str
    title: str
    splits: tuple[str, ...]
    load: Callable[[Path, str], list[Video]]
    ground_truth_splits: tuple[str, ...]
    scoring: ScoringRule
    submissions: dict[str, SubmissionProfile] = field(default_factory=dict)
    where: str = ""
    index: Callable[[Path, str], dict[str, frozenset[str]]] | None = None
    unseen: Callable[[Path], frozenset[str]] | None = None
    unseen_videos: Callable[[Path], frozenset[str]] | None = None
    holdout: int | None = None
