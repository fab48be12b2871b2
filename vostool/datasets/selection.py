"""Which videos a command is about: a data set, where it is, a split, and some or all videos."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vostool.core.errors import UsageError
from vostool.core.types import Video
from vostool.datasets.catalogue import load_spec, load_videos, scoring_rule
from vostool.datasets.layout import FaultyVideos
from vostool.datasets.spec import ScoringRule, VideoDatasetSpec

SHOWN = 10


@dataclass(frozen=True)
class Selection:
    """Videos of a data set.

    Attributes:
        dataset: name of the data set.
        root: its folder.
        split: one of its splits, or `FILE.json:train` / `FILE.json:val` of an offline split.
        videos: names of the videos; empty is all of the split.
    """

    dataset: str
    root: Path
    split: str
    videos: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root))
        object.__setattr__(self, "videos", tuple(self.videos))

    def __str__(self) -> str:
        return f"{self.dataset} {self.split}"

    @property
    def spec(self) -> VideoDatasetSpec:
        """The data set's description. Raises UsageError if there is none of this name."""
        return load_spec(self.dataset)

    @property
    def record(self) -> dict[str, str]:
        """What manifests say about it."""
        return {"dataset": self.dataset, "split": self.split}

    def whole(self) -> Selection:
        """All videos of the split."""
        return replace(self, videos=())

    def scoring_rule(self) -> ScoringRule:
        """How predictions of these videos are scored."""
        return scoring_rule(self.dataset, self.root, self.split)

    def load(self) -> list[Video]:
        """The chosen videos, sorted by name.

        Raises:
            UsageError: unknown data set, split or video.
            FaultyVideos: some of the chosen videos cannot be used; it has the others.
            DataError: the data set cannot be read at all.
        """
        try:
            return self.pick(load_videos(self.dataset, self.root, self.split))
        except FaultyVideos as fault:
            if not self.videos:
                raise
            concerned = {
                name: fault.problems[name] for name in self.videos if name in fault.problems
            }
            sound = replace(self, videos=tuple(set(self.videos) - concerned.keys()))
            found = sound.pick(fault.videos) if sound.videos else []
            if concerned:
                raise FaultyVideos(concerned, found) from None
            return found

    def inputs(self, videos: Iterable[Video]) -> list[Path]:
        """What reading these videos reads; outputs must not touch it."""
        return [self.root, *places(videos)]

    def pick(self, videos: Sequence[Video]) -> list[Video]:
        """The chosen ones of the split's videos.

        Raises:
            UsageError: a name that is not among them.
        """
        if not self.videos:
            return list(videos)
        known = {video.name for video in videos}
        unknown = [name for name in self.videos if name not in known]
        if unknown:
            more = ", ..." if len(known) > SHOWN else ""
            raise UsageError(
                f"no such video: {', '.join(unknown)}",
                where=str(self),
                remedy=f"it has {', '.join(sorted(known)[:SHOWN])}{more}",
            )
        return [video for video in videos if video.name in self.videos]


def places(videos: Iterable[Video]) -> set[Path]:
    """Folders of the videos' frames and annotations; movies and their masks themselves."""
    files = {
        (path, frame.movie_index is None)
        for video in videos
        for frame in video.frames
        for path in (frame.image, frame.annotation, *(item.source for item in frame.layers or ()))
        if isinstance(path, Path)
    }
    return {path.parent if in_folder else path for path, in_folder in files}
