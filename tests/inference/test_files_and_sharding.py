"""Videos on disk as sources, and the division of videos among processes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from moving_squares import write_video

from vostool.core.errors import DataError
from vostool.core.types import Frame, ObjectIds, Video, VideoObject
from vostool.inference.files import VideoSource
from vostool.inference.sharding import cost, share


def test_source_gives_masks_where_objects_start(tmp_path):
    video, truth = write_video(tmp_path, starts={7: 3})
    source = VideoSource(video)
    frames = list(source)
    assert len(source) == len(frames) == 6
    assert source.ids == ObjectIds((2, 7))
    assert [frame.name for frame in frames if frame.given is not None] == ["00000", "00003"]
    assert np.array_equal(frames[3].given, np.where(truth["00003"] == 7, 7, 0))
    assert all(frame.output for frame in frames)


def test_source_ends_with_the_last_wanted_frame(tmp_path):
    video, _ = write_video(tmp_path, starts={7: 5}, output=("00001", "00003"))
    source = VideoSource(video)
    assert len(source) == 4
    assert [(frame.name, frame.output) for frame in source] == [
        ("00000", False), ("00001", True), ("00002", False), ("00003", True),
    ]  # fmt: skip
    assert source.ids == ObjectIds((2, 7))
    assert len(VideoSource(video, video.frame_names)) == 6
    assert list(VideoSource(video, ())) == []


def test_unreadable_frame_is_named_when_its_turn_comes(tmp_path):
    video, _ = write_video(tmp_path)
    video.frames[3].image.write_bytes(b"broken")
    seen = []
    with pytest.raises(DataError, match=r"00003\.png"):
        for frame in VideoSource(video):
            seen.append(frame.name)
    assert seen == ["00000", "00001", "00002"]


def _video(name, frames, objects, tmp_path):
    records = tuple(Frame(f"{t}", tmp_path / f"{t}.png") for t in range(frames))
    items = tuple(VideoObject(k + 1, "0") for k in range(objects))
    return Video(name, records, items, ())


def test_shares_are_a_balanced_partition(tmp_path, rng):
    videos = [
        _video(f"v{k:02d}", int(rng.integers(1, 60)), int(rng.integers(0, 6)), tmp_path)
        for k in range(25)
    ]
    for world in (1, 2, 4):
        parts = [share(videos, rank, world) for rank in range(world)]
        names = sorted(video.name for video in itertools.chain(*parts))
        assert names == [video.name for video in videos]
        loads = [sum(cost(video) for video in part) for part in parts]
        best = max(sum(loads) / world, max(cost(video) for video in videos))
        assert max(loads) <= 4 / 3 * best
    assert share(videos, 0, 1) == videos
    assert share(videos[:1], 1, 2) == []
