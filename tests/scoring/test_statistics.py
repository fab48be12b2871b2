"""Mean, recall and decay, with the official overflow and without."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vostool.scoring.statistics import Statistics, bin_limits, overflows


@pytest.mark.parametrize(
    ("count", "limits"),
    [
        (1, [0, 0, 0, 0, 0]),
        (2, [0, 0, 1, 1, 1]),
        (5, [0, 1, 2, 3, 4]),
        # 1, 3.25, 5.5, 7.75, 10 -> halves go up
        (10, [0, 2, 5, 7, 9]),
        (67, [0, 17, 33, 50, 66]),
    ],
)
def test_bins_as_computed_by_hand(count, limits):
    assert bin_limits(count).tolist() == limits


def test_decay_is_first_quarter_less_last_with_inclusive_ends():
    scores = np.array([1.0, 0.8, 0.6, 0.5, 0.5, 0.4, 0.4, 0.3, 0.2, 0.1])
    result = Statistics.of(scores)
    assert result.mean == pytest.approx(0.48)
    assert result.recall == pytest.approx(0.3)  # 0.5 itself is not above 0.5
    assert result.decay == pytest.approx(2.4 / 3 - 0.6 / 3)
    assert result.decay_corrected == result.decay


@pytest.mark.parametrize("count", [3, 100, 255, 256])
def test_short_videos_have_one_decay(count):
    result = Statistics.of(np.linspace(1, 0, count))
    assert result.decay == result.decay_corrected
    assert not overflows(count)


def test_official_decay_of_a_long_video_is_nan():
    """300 frames: the last bin's limits 224 and 299 become 224 and 43, an empty range."""
    result = Statistics.of(np.linspace(1, 0, 300))
    assert overflows(300)
    assert math.isnan(result.decay)
    assert result.decay_corrected == pytest.approx(0.75, abs=0.01)


def test_official_decay_of_a_longer_video_is_of_another_bin():
    """400 frames: 299 and 399 become 43 and 143, which is within the first half."""
    scores = np.linspace(1, 0, 400)
    result = Statistics.of(scores)
    assert result.decay == pytest.approx(scores[:101].mean() - scores[43:144].mean())
    assert result.decay_corrected == pytest.approx(scores[:101].mean() - scores[299:].mean())


def test_no_frames_no_figures():
    assert all(math.isnan(value) for value in vars(Statistics.of(np.zeros(0))).values())


def test_average_is_over_objects():
    first, second = Statistics.of(np.ones(8)), Statistics.of(np.zeros(2))
    assert Statistics.average([first, second]).mean == 0.5
