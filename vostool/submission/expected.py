"""What a server expects for a split: videos, frames, sizes, and the ids each frame may hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vostool.core.errors import DataError, UsageError
from vostool.core.types import Video
from vostool.datasets.annotations import annotation_size
from vostool.datasets.catalogue import parse_split
from vostool.datasets.selection import Selection
from vostool.datasets.spec import SubmissionProfile, VideoDatasetSpec
from vostool.media.images import frame_size


@dataclass(frozen=True)
class ExpectedVideo:
    """One video of a submission.

    Attributes:
        name: its folder.
        size: height and width of its masks.
        allowed: per frame to submit, in time order, the ids of the objects given up to then.
        other_frames: frames of the video that the server does not take.
        starts: per id, the name of the frame in which its mask is given.
        labels: per id, what result files call the object.
        listing: the file that lists the video, where result files repeat parts of it.
    """

    name: str
    size: tuple[int, int]
    allowed: dict[str, frozenset[int]]
    other_frames: frozenset[str]
    starts: dict[int, str]
    labels: dict[int, str]
    listing: Path | None = None

    @property
    def frames(self) -> tuple[str, ...]:
        """Names of the frames to submit, in time order."""
        return tuple(self.allowed)


@dataclass(frozen=True)
class Expectation:
    """A whole submission.

    Attributes:
        title: data set and split, for messages.
        profile: what the server says about layout.
        videos: by name, sorted.
    """

    title: str
    profile: SubmissionProfile
    videos: dict[str, ExpectedVideo]

    @property
    def frame_count(self) -> int:
        """Number of masks."""
        return sum(len(video.allowed) for video in self.videos.values())

    def path(self, video: str, frame: str) -> str:
        """Name of a mask in the archive."""
        return f"{self.profile.prefix}{video}/{frame}.png"


def submission_profile(
    spec: VideoDatasetSpec, split: str, rehearse: bool = False
) -> SubmissionProfile:
    """The server profile of a split.

    Args:
        rehearse: for a split with ground truth, the profile of the data set's own server, dead or
            alive: the archive is then scored here.

    Raises:
        UsageError: no server takes this split; nothing to rehearse.
    """
    known = ", ".join(spec.submissions) or "none"
    if rehearse:
        if split not in spec.ground_truth_splits or not spec.submissions:
            public = ", ".join(spec.ground_truth_splits) if spec.submissions else "none"
            raise UsageError(
                f"handing in {spec.name} split {split!r} cannot be rehearsed",
                remedy=f"splits with public ground truth of a data set that has a server: {public}",
            )
        return spec.submissions.get(split) or next(iter(spec.submissions.values()))
    if split not in spec.submissions:
        more = "; or --rehearse" if split in spec.ground_truth_splits and spec.submissions else ""
        raise UsageError(
            f"no server takes submissions for {spec.name} split {split!r}",
            remedy=f"splits of {spec.name} that have one: {known}{more}",
        )
    return spec.submissions[split]


def expected_archive(selection: Selection, rehearse: bool = False) -> Expectation:
    """What the server of a split wants.

    Args:
        rehearse: see `submission_profile`; the split may then be a part of an offline split.

    Raises:
        UsageError: unknown data set or split; no server for it; only some of its videos.
        DataError: the data set is unusable.
    """
    spec = selection.spec
    split = selection.split
    if rehearse:
        file, _ = parse_split(spec, split)
        split = split if file is None else file.split
    profile = submission_profile(spec, split, rehearse)
    title = f"{spec.name} {selection.split}"
    if rehearse:
        served = next(name for name, known in spec.submissions.items() if known is profile)
        title += f", as the server takes {spec.name} {served}"
    if selection.videos:
        raise UsageError(
            "a submission holds all videos of a split", remedy="name no videos, or use evaluate"
        )
    return expect(title, profile, selection.load())


def expect(title: str, profile: SubmissionProfile, videos: Iterable[Video]) -> Expectation:
    """Derive what the server wants from the videos of a split.

    Raises:
        DataError: the split has no videos, or a first frame or mask is unreadable.
    """
    expected = {
        video.name: _expect(video) for video in sorted(videos, key=lambda video: video.name)
    }
    if not expected:
        raise DataError(f"{title} has no videos", remedy="check --root")
    return Expectation(title, profile, expected)


def _expect(video: Video) -> ExpectedVideo:
    starts = {item.id: item.first_frame for item in video.objects}
    allowed = {}
    for name in sorted(video.output_frames, key=video.index):
        now = video.index(name)
        allowed[name] = frozenset(i for i, start in starts.items() if video.index(start) <= now)
    others = frozenset(video.frame_names) - allowed.keys()
    labels = {item.id: item.label or str(item.id) for item in video.objects}
    return ExpectedVideo(video.name, _size(video), allowed, others, starts, labels, video.listing)


def _size(video: Video) -> tuple[int, int]:
    """The size of the ground truth; of the first frame where no mask is given."""
    for frame in video.frames:
        size = annotation_size(frame)
        if size is not None:
            return size
    return frame_size(video.frames[0])
