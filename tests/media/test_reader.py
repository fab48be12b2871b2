"""Decoding ahead: order, errors where they belong, bounded work, no thread left."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from vostool.core.errors import DataError
from vostool.core.types import Frame, Video
from vostool.media import reader as reader_module
from vostool.media.reader import FrameReader


def make_video(folder: Path, count: int) -> Video:
    frames = []
    for index in range(count):
        path = folder / f"{index:05d}.png"
        Image.fromarray(np.full((4, 5, 3), index, np.uint8)).save(path)
        frames.append(Frame(path.stem, path))
    return Video("v", tuple(frames), (), ())


def readers_alive() -> int:
    return sum(thread.name.startswith("frame-reader") for thread in threading.enumerate())


@pytest.mark.parametrize("ahead", [1, 3, 20])
def test_order_and_repetition(tmp_path: Path, ahead: int) -> None:
    video = make_video(tmp_path, 7)
    reader = FrameReader(video, ahead)
    assert len(reader) == 7
    for _ in range(2):
        seen = [(frame.name, int(image[0, 0, 0])) for frame, image in reader]
        assert seen == [(f"{index:05d}", index) for index in range(7)]
    assert readers_alive() == 0


def test_an_error_comes_at_its_frame(tmp_path: Path) -> None:
    video = make_video(tmp_path, 6)
    video.frames[3].image.write_bytes(b"")
    seen = []
    with pytest.raises(DataError, match=r"00003\.png"):
        seen += [frame.name for frame, _ in FrameReader(video)]
    names = []
    iterator = iter(FrameReader(video))
    with pytest.raises(DataError, match=r"00003\.png"):
        while True:
            names.append(next(iterator)[0].name)
    assert names == ["00000", "00001", "00002"]
    assert readers_alive() == 0


def test_leaving_early_stops_and_reads_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = make_video(tmp_path, 30)
    reads = []
    original = reader_module.read_frame

    def counted(frame: Frame) -> np.ndarray:
        reads.append(frame.name)
        return original(frame)

    monkeypatch.setattr(reader_module, "read_frame", counted)
    iterator = iter(FrameReader(video, ahead=2))
    next(iterator)
    iterator.close()
    assert readers_alive() == 0
    assert len(reads) <= 3


def test_nothing_ahead_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        FrameReader(make_video(tmp_path, 1), 0)


def test_movie_is_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for level in range(6):
        writer.write(np.full((48, 64, 3), level * 30, np.uint8))
    writer.release()
    frames = tuple(Frame(f"{i:05d}", path, movie_index=i) for i in range(6))
    means = [float(image.mean()) for _, image in FrameReader(Video("v", frames, (), ()))]
    np.testing.assert_allclose(means, np.arange(6) * 30, atol=4)
