"""Which frames count, and scoring a video in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vostool.core.types import Frame, Video, VideoObject
from vostool.datasets.spec import ScoringRule
from vostool.scoring.evaluate import BATCH, compare, counted_frames, score_video
from vostool.scoring.measure import load_measure


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
    names = [f"{time:05d}" for time in range(len(truths))]
    clip = Video(
        "clip",
        tuple(Frame(name, Path("x.jpg"), Path("x.png")) for name in names),
        (VideoObject(1, "00000"),),
        tuple(names),
    )
    counted = counted_frames(clip, DAVIS)
    (item,) = score_video(
        load_measure("davis"), clip, counted, list(zip(names, predictions, truths))
    )
    assert item.frames == tuple(names[1:-1])
    for time, (predicted, truth) in enumerate(zip(predictions[1:-1], truths[1:-1])):
        alone = compare([predicted], [truth], (1,))
        assert (item.shown["J"][time], item.shown["F"][time]) == (alone.j[0, 0], alone.f[0, 0])


def test_an_object_without_counted_frames_has_no_scores():
    masks = moving_square(5)
    clip = video((VideoObject(1, "a"), VideoObject(2, "e")))
    frames = list(zip("abcde", masks, masks))
    counted = counted_frames(clip, DAVIS)
    first, second = score_video(load_measure("davis"), clip, counted, frames)
    assert (first.frames, second.frames) == (("b", "c", "d"), ())
    assert second.shown["J"].shape == (0,)


def video(objects: tuple[VideoObject, ...], annotated: str = "abcde") -> Video:
    frames = tuple(
        Frame(name, Path(f"{name}.jpg"), Path(f"{name}.png") if name in annotated else None)
        for name in "abcde"
    )
    return Video("clip", frames, objects, tuple("abcde"))


DAVIS = ScoringRule("davis", skip_first=True, skip_last=True)
YOUTUBE = ScoringRule("youtube-vos", skip_first=True, skip_last=False)


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
