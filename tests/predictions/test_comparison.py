"""Predictions against what is expected, on a folder in which everything is wrong once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vostool.core.errors import DataError
from vostool.core.types import Frame, Video
from vostool.predictions.comparison import (
    Difference,
    ExpectedFrames,
    Found,
    compare,
    refuse_unknown,
)
from vostool.predictions.folder import PredictionFolder, PredictionWriter


@pytest.fixture
def folder(tmp_path):
    """Videos a (frames 0, 1, 9), b (0) and z (0)."""
    writer = PredictionWriter(tmp_path / "p")
    for video, frame in (("a", "0"), ("a", "1"), ("a", "9"), ("b", "0"), ("z", "0")):
        writer.write_mask(video, frame, np.zeros((4, 5), np.uint8))
    return PredictionFolder(tmp_path / "p")


def video(name, frames, output):
    return Video(name, tuple(Frame(frame, Path(frame)) for frame in frames), (), tuple(output))


def test_all_differences_in_order(folder):
    expected = {
        "a": ExpectedFrames(("0", "2", "3"), {"1"}),
        "b": ExpectedFrames(("0",)),
        "c": ExpectedFrames(("0",)),
    }
    found = list(compare(folder, expected))
    assert found == [
        Found(Difference.UNKNOWN_VIDEO, "z"),
        Found(Difference.MISSING_FRAMES, "a", ("2", "3")),
        Found(Difference.UNKNOWN_FRAMES, "a", ("9",)),
        Found(Difference.MISSING_VIDEO, "c"),
    ]
    assert [item.places() for item in found] == [["z"], ["a/2", "a/3"], ["a/9"], ["c"]]
    assert list(compare(folder, expected, ["z"])) == found[1:]


def test_a_video_needs_what_is_submitted_and_allows_the_rest():
    expected = ExpectedFrames.of(video("v", ["0", "1", "2"], ["0", "2"]))
    assert expected.needed == ("0", "2")
    assert "1" in expected.allowed


def test_the_first_unknown_one_is_refused(folder):
    videos = [video("a", "0129", "0"), video("b", "0", "0"), video("c", "0", "0")]
    with pytest.raises(DataError, match="the set has no video z"):
        refuse_unknown(folder, videos, "the set")
    refuse_unknown(folder, videos, "the set", names=["a", "b"])
    with pytest.raises(DataError, match=r"video a of the set has no frame 9 .*a/9\.png"):
        refuse_unknown(folder, [video("a", "01", "0"), *videos[1:]], "the set", names=["a"])
    refuse_unknown(folder, [*videos, video("z", "0", "0")], "the set")
