"""What a run needs: counted by hand, and against what the engine does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from colour_stub import ColourStub
from moving_squares import squares, write_video

from vostool.core.types import Fate
from vostool.inference.engine import Member, run_video
from vostool.inference.propagation_options import PropagationOptions
from vostool.inference.run import Propagation
from vostool.inference.source import ArraySource
from vostool.inference.strategy import parse_strategies
from vostool.inference.trial import ENCODE, MEMORIZE, SEGMENT, FrameCost, Trial, bytes_of, try_out
from vostool.nn.memory import ObjectMemory
from vostool.stages.predict import least_memory
from vostool.stages.predict.plan_figures import Costs, held_frames
from vostool.stages.predict.plan_result import Shape
from vostool.stages.predict.plan_source import crowded

ALL = ("a", "b", "c", "d", "e", "f")


@pytest.mark.parametrize("memory", ["every:3", "first-previous", "early:2,4", "every:1"])
@pytest.mark.parametrize("limit", [None, 3])
def test_frames_held_are_those_that_the_engine_holds(memory, limit) -> None:
    [strategy] = parse_strategies([memory])
    images, _, given = squares(9, ids=(2,))
    stub = ColourStub()
    options = PropagationOptions(max_memory=None)
    list(run_video(ArraySource("v", images, given), [Member(stub, (strategy,))], options))
    held = held_frames(strategy, 9, limit)
    seen = [len(times[0]) for times in stub.segmented]
    if limit is None:
        assert held == seen
    else:  # the stub has no bound: permanent frames above it are fewer
        assert held == [
            min(count, limit + (memory != "every:1" and count > limit)) for count in held
        ]
        assert max(held) <= limit + 1


def test_shapes_count_the_objects_of_each_frame(tmp_path) -> None:
    video, _ = write_video(tmp_path, "v", 6, starts={2: 1, 7: 3})
    shape = Shape.of(video, (1080, 1920), (480, 853), ("00002", "00004"))
    assert shape.present == (0, 1, 1, 2, 2)
    assert (shape.objects, shape.written, shape.load) == (2, 2, 2 * 480 * 853)


def costs(kept: int = 100) -> Costs:
    """1 s to encode, 2 to memorise, 3 + m to segment with m frames, 0.5 for the rest; 2 objects."""
    frames = [
        FrameCost(6.5 + held, {ENCODE: 1.0, MEMORIZE: 2.0, SEGMENT: 3.0 + held})
        for held in range(5)
    ]
    trial = Trial(tuple(frames), peak=10_000, gpu_peak=0, kept=kept)
    shape = Shape("v", (100, 200), (50, 100), (2,) * 5, 5)
    return Costs(trial, shape, 2, parse_strategies(["every:1"]), None, 10.0, 30.0)


def test_time_is_that_of_the_parts() -> None:
    """Frames 1 to 4 are segmented with 1 to 4 frames in memory; the first one is not."""
    found = costs()
    assert found.seconds(found.shape) == pytest.approx(3.5 + 4 * 6.5 + 1 + 2 + 3 + 4)
    one = Shape("w", (100, 200), (50, 100), (0, 1, 1), 3)
    assert found.seconds(one) == pytest.approx(2 * (1 + 2 / 2 + 0.5 * 2 / 3) + (3 + 1) / 2)
    # Four times the pixels, so that reading memory takes 16 times as long.
    large = Shape("x", (200, 400), (100, 200), (2, 2), 2)
    assert found.seconds(large) == pytest.approx(2 * 4 * (1 + 2 + 0.5) + 4 * 3 + 16)


def test_memory_and_disk_grow_with_the_video() -> None:
    found = costs()
    long = Shape("v", (100, 200), (50, 100), (2,) * 24, 24)
    whole = found.plan([found.shape, long], available=9_000, free=1, unmeasured=())
    # The last of 24 frames finds 23 in memory, the last of those measured found 4.
    assert whole.memory == 10_000 + 1.25 * 100 * (23 - 4)
    assert not whole.fits
    assert (whole.masks, whole.probabilities) == (29 * 10, 29 * 30)
    bounded = Costs(found.trial, found.shape, 2, found.strategies, 2, 10.0, 30.0)
    assert bounded.kept(long) == 100 * (2 - 4)


def test_all_objects_are_there_from_the_first_frame(tmp_path) -> None:
    video, truth = write_video(tmp_path, "v", 6, starts={2: 1, 7: 4})
    source = crowded(video, 5)
    assert len(source) == 5 and set(source.given) == {0}
    assert np.unique(source.given[0]).tolist() == [0, 2, 7]
    frames = [frame.image for frame in source]
    assert np.array_equal(frames[0], frames[0]) and frames[0].shape == (50, 81, 3)
    assert np.array_equal(source.given[0] == 2, truth["00001"] == 2)
    short, _ = write_video(tmp_path, "w", 2)
    assert len(crowded(short, 5)) == 5


def test_a_trial_keeps_every_frame_and_times_every_part() -> None:
    images, _, given = squares(5)
    stub, seen = ColourStub(), []
    found = try_out(
        [Member(stub)],
        lambda members: Propagation(members, PropagationOptions(memory=("first-previous",))),
        ArraySource("v", images, given),
        seen.append,
    )
    assert len(found.frames) == len(seen) == 5
    assert [times[0] for times in stub.segmented[-4:]] == [[0], [0, 1], [0, 1, 2], [0, 1, 2, 3]]
    assert stub.segmented[-1][0] == [0, 1, 2, 3]
    assert all(cost.parts[ENCODE] > 0 for cost in found.frames)
    assert found.frames[0].parts[SEGMENT] == 0 == found.frames[-1].parts[MEMORIZE]
    assert found.peak > 2**20


def test_bytes_are_those_that_are_held_not_reserved() -> None:
    memory = ObjectMemory()
    for time in range(3):
        memory.write(torch.zeros(1, 6, 2), torch.zeros(1, 6, 4), Fate.KEEP, time)
    assert bytes_of([memory, {"a": torch.zeros(5, dtype=torch.float64)}]) == 3 * 6 * 6 * 4 + 40


def test_plainly_too_little_memory_is_said_before_anything_is_run(tmp_path, monkeypatch) -> None:
    small, _ = write_video(tmp_path, "small", 2, size=(50, 80))
    large, _ = write_video(tmp_path, "large", 2, size=(500, 800))
    assert least_memory.least_memory(large) == 2 * 3 * 500 * 800 * 4
    for available, said in ((10_000_000, None), (None, None), (9_000_000, "large needs far more")):
        monkeypatch.setattr(least_memory, "available_memory", lambda found=available: found)
        told = least_memory.shortage([small, large])
        assert told == said or (said is not None and told is not None and said in told)
    assert least_memory.shortage([]) is None
