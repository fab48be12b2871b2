"""Which frames count, and scoring a sequence in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vostool.core.types import Frame, Video, VideoObject
from vostool.datasets.spec import Measure, ScoringRule
from vostool.scoring.evaluate import BATCH, counted_frames, score_frames, score_sequence


def moving_square(times: int, side: int = 9, id: int = 1) -> list[np.ndarray]:
    masks = []
    for time in range(times):
        mask = np.zeros((32, 60), np.uint8)
        mask[10 : 10 + side, time : time + side] = id
        masks.append(mask)
    return masks


def test_batches_do_not_show():
    truths = moving_square(2 * BATCH + 3)
    predictions = [np.roll(mask, time % 4, 0) for time, mask in enumerate(truths)]
    scores = score_sequence(iter(predictions), iter(truths), (1,))
    for time, (predicted, truth) in enumerate(zip(predictions, truths)):
        j, f = score_frames([predicted], [truth], (1,))
        assert (scores.j[time, 0], scores.f[time, 0]) == (j[0, 0], f[0, 0])


@pytest.mark.parametrize(
    ("skip_first", "skip_last", "frames"),
    [(True, True, [1, 2, 3]), (False, True, [0, 1, 2, 3]), (True, False, [1, 2, 3, 4])],
)
def test_first_and_last_frame(skip_first, skip_last, frames):
    truths = moving_square(5)
    scores = score_sequence(truths, truths, (1,), skip_first=skip_first, skip_last=skip_last)
    assert np.flatnonzero(scores.counted[:, 0]).tolist() == frames
    assert scores.j_and_f == 1.0


def test_a_late_object_counts_from_the_frame_after_it_is_given():
    truths = moving_square(6)
    for mask in truths[2:]:
        mask[25:30, 40:45] = 7
    predictions = [np.where(mask == 7, 0, mask).astype(np.uint8) for mask in truths]
    scores = score_sequence(predictions, truths, (1, 7), skip_last=False, first_frames=(0, 2))
    assert np.flatnonzero(scores.counted[:, 1]).tolist() == [3, 4, 5]
    assert scores.mean_j == pytest.approx((1 + 0) / 2)
    first, second = scores.statistics(0)[0], scores.statistics(1)[0]
    assert (first.mean, second.mean) == (1.0, 0.0)


def test_an_object_without_counted_frames_is_left_out_of_the_mean():
    truths = moving_square(4)
    scores = score_sequence(truths, truths, (1, 2), first_frames=(0, 3))
    assert not scores.counted[:, 1].any()
    assert scores.mean_j == 1.0
    assert np.isnan(score_sequence(truths[:2], truths[:2], (1,)).mean_j)


@pytest.mark.parametrize("order", [1, -1])
def test_sequences_of_unequal_length_are_refused(order):
    first, second = [moving_square(3), moving_square(4)][::order]
    with pytest.raises(ValueError, match="number of frames"):
        score_sequence(first, second, (1,))


def video(objects: tuple[VideoObject, ...], annotated: str = "abcde") -> Video:
    frames = tuple(
        Frame(name, Path(f"{name}.jpg"), Path(f"{name}.png") if name in annotated else None)
        for name in "abcde"
    )
    return Video("clip", frames, objects, tuple("abcde"))


DAVIS = ScoringRule(Measure.DAVIS, skip_first=True, skip_last=True)
YOUTUBE = ScoringRule(Measure.YOUTUBE_VOS, skip_first=True, skip_last=False)


@pytest.mark.parametrize(
    ("clip", "rule", "expected"),
    [
        (video((VideoObject(1, "a"),)), DAVIS, {"b": {1}, "c": {1}, "d": {1}}),
        (
            video((VideoObject(1, "a"), VideoObject(4, "c"))),
            DAVIS,
            {"b": {1}, "c": {1}, "d": {1, 4}},
        ),
        (
            video((VideoObject(2, "a", frames=("a", "c")), VideoObject(5, "c", frames=("c", "e")))),
            YOUTUBE,
            {"c": {2}, "e": {5}},
        ),
        (video((VideoObject(1, "a"),), annotated="ace"), YOUTUBE, {"c": {1}, "e": {1}}),
        (video((VideoObject(1, "a"),), annotated="a"), DAVIS, {}),
    ],
)
def test_counted_frames(clip, rule, expected):
    counted = counted_frames(clip, rule)
    assert {name: ids for name, ids in counted.items() if ids} == expected
