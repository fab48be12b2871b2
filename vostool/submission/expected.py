"""What a server expects for a split: videos, frames, sizes, and the ids each frame may hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vostool.core.errors import DataError, UsageError
from vostool.core.types import Video
from vostool.datasets.selection import Selection
from vostool.datasets.spec import SubmissionProfile, VideoDatasetSpec
from vostool.media.images import frame_size, image_size


@dataclass(frozen=True)
class ExpectedVideo:
    """One video of a submission.

    Attributes:
        name: its folder.
        size: height and width of its masks.
        allowed: per frame to submit, in time order, the ids of the objects given up to then.
        other_frames: frames of the video that the server does not take.
        starts: per id, the name of the frame in which its mask is given.
    """

    name: str
    size: tuple[int, int]
    allowed: dict[str, frozenset[int]]
    other_frames: frozenset[str]
    starts: dict[int, str]

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


def submission_profile(spec: VideoDatasetSpec, split: str) -> SubmissionProfile:
    """The server profile of a split.

    Raises:
        UsageError: no server takes this split.
    """
    if split not in spec.submissions:
        known = ", ".join(spec.submissions) or "none"
        raise UsageError(
            f"no server takes submissions for {spec.name} split {split!r}",
            remedy=f"splits of {spec.name} that have one: {known}",
        )
    return spec.submissions[split]


def expected_archive(selection: Selection) -> Expectation:
    """What the server of a split wants.

    Raises:
        UsageError: unknown data set or split; no server for it; only some of its videos.
        DataError: the data set is unusable.
    """
    spec, split = selection.spec, selection.split
    submission_profile(spec, split)
    if selection.videos:
        raise UsageError(
            "a submission holds all videos of a split", remedy="name no videos, or use evaluate"
        )
    return expect(spec, split, selection.load())


def expect(spec: VideoDatasetSpec, split: str, videos: Iterable[Video]) -> Expectation:
    """Derive what the server wants from the videos of a split.

    Raises:
        UsageError: no server takes this split.
        DataError: the split has no videos, or a first frame or mask is unreadable.
    """
    profile = submission_profile(spec, split)
    expected = {
        video.name: _expect(video) for video in sorted(videos, key=lambda video: video.name)
    }
    if not expected:
        raise DataError(f"{spec.name} split {split} has no videos", remedy="check --root")
    return Expectation(f"{spec.name} {split}", profile, expected)


def _expect(video: Video) -> ExpectedVideo:
    starts = {item.id: item.first_frame for item in video.objects}
    allowed = {}
    for name in sorted(video.output_frames, key=video.index):
        now = video.index(name)
        allowed[name] = frozenset(i for i, start in starts.items() if video.index(start) <= now)
    others = frozenset(video.frame_names) - allowed.keys()
    return ExpectedVideo(video.name, _size(video), allowed, others, starts)


def _size(video: Video) -> tuple[int, int]:
    """The size of the ground truth; of the first frame where no mask is given."""
    for frame in video.frames:
        if frame.annotation is not None:
            return image_size(frame.annotation)
    return frame_size(video.frames[0])
