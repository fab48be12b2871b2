"""CAMN's small objects, with networks whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from colour_stub import ColourStub
from torch.nn import functional

from vostool.core.errors import UsageError
from vostool.inference.engine import Member, run_video
from vostool.inference.options import InferenceSettings
from vostool.inference.propagation_options import PropagationOptions
from vostool.inference.run import Context, Propagation, Report, Request
from vostool.inference.small_objects.options import SmallObjectsOptions
from vostool.inference.small_objects.plan import Seen, corners, plan_window
from vostool.inference.source import ArraySource
from vostool.inference.strategy import parse_strategies
from vostool.inference.wrappers import small_objects

SIZE = (120, 200)
COLOURS = {3: (230, 40, 40), 5: (40, 220, 60)}
SMALL = SmallObjectsOptions(largest_area=0.06, target_side=100)


class Coarse(ColourStub):
    """Decides per block of 16 x 16 pixels that it sees, as a network of stride 16 roughly does."""

    def planes(self, features, state):
        planes = super().planes(functional.avg_pool2d(features, 16), state)
        return functional.interpolate(planes, scale_factor=16, mode="bilinear")


def video(frames: int = 6, large: bool = True, late: bool = False):
    """Object 3 is small and moves right, object 5 is large and still; images and true masks."""
    rng = np.random.default_rng(0)
    images, truth, given = [], [], {}
    for index in range(frames):
        mask = np.zeros(SIZE, np.uint8)
        if large:
            mask[56:116, 100:190] = 5
        mask[30:54, 20 + 6 * index : 56 + 6 * index] = 3
        image = rng.integers(90, 130, (*SIZE, 3)).astype(np.uint8)
        for value, colour in COLOURS.items():
            image[mask == value] = colour
        images.append(image)
        truth.append(mask)
    given[0] = truth[0] if not late else np.where(truth[0] == 5, 5, 0).astype(np.uint8)
    if late:
        given[2] = np.where(truth[2] == 3, 3, 0).astype(np.uint8)
    return ArraySource("v", images, given), truth


def members(stub=None):
    strategies = parse_strategies(("every:5",))
    return [Member((stub or Coarse()).eval(), strategies)]


def run(source, options=SMALL, stub=None, probabilities=False):
    report = Report()
    inside = Propagation(members(stub), PropagationOptions())
    wrapped = small_objects.wrap(inside, options, Context(device=None))
    results = list(wrapped(source, Request(probabilities, report)))
    return results, {entry["object"]: entry for entry in report.entries.get("small_objects", [])}


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


def test_a_small_object_is_found_more_exactly_and_a_large_one_is_left_alone() -> None:
    source, truth = video()
    plain = list(run_video(source, members()))
    results, entries = run(source)
    assert set(entries) == {3}
    # In one frame the first pass is sure, and too coarse to agree with.
    assert (entries[3]["accepted_frames"], entries[3]["frames"]) == (4, 5)
    assert entries[3]["seen_as"][0] > entries[3]["window"][0]
    gains = [
        iou(after.mask == 3, mask == 3) - iou(before.mask == 3, mask == 3)
        for before, after, mask in zip(plain[1:], results[1:], truth[1:])
    ]
    assert min(gains) >= 0 and np.mean(gains) > 0.2
    assert np.array_equal(results[0].mask, truth[0])


def test_without_small_objects_nothing_changes() -> None:
    source, _ = video()
    results, entries = run(source, SmallObjectsOptions(largest_area=1e-6), probabilities=True)
    plain = list(run_video(source, members(), probabilities=True))
    assert not entries
    for one, other in zip(results, plain):
        assert np.array_equal(one.mask, other.mask)
        assert np.abs(one.probabilities.numpy() - other.probabilities.numpy()).max() < 1 / 250


def test_probabilities_still_sum_to_one() -> None:
    source, _ = video()
    results, _ = run(source, probabilities=True)
    for result in results:
        assert np.allclose(result.probabilities.sum(0), 1, atol=1e-5)
        rows = source.ids.to_ids(result.probabilities.numpy().argmax(0).astype(np.uint8))
        assert (rows == result.mask).mean() > 0.999


def test_a_late_small_object_begins_where_it_is_given() -> None:
    source, truth = video(late=True)
    results, entries = run(source)
    assert entries[3]["frames"] == 3
    assert not any((result.mask == 3).any() for result in results[:2])
    assert np.array_equal(results[2].mask == 3, truth[2] == 3)
    assert iou(results[4].mask == 3, truth[4] == 3) > 0.6


def test_a_second_pass_that_disagrees_is_not_taken() -> None:
    source, _ = video()
    options = SmallObjectsOptions(largest_area=0.06, target_side=100, unsure_below=0.0)
    plain, _ = run(source, SmallObjectsOptions(largest_area=1e-6))

    class Blind(Coarse):
        def start(self, max_memory=None):
            self.passes = getattr(self, "passes", 0) + 1
            return super().start(max_memory)

        def planes(self, features, state):
            planes = super().planes(features, state)
            return planes if self.passes == 1 else planes * 0

    results, entries = run(source, options, Blind())
    assert entries[3]["accepted_frames"] == 0
    for one, other in zip(results, plain):
        assert np.array_equal(one.mask, other.mask)
    sure = SmallObjectsOptions(largest_area=0.06, target_side=100, unsure_below=1.0)
    assert run(source, sure, Blind())[1][3]["accepted_frames"] == 5


def seen_at(*centres, side=10, first=None) -> Seen:
    mask = np.zeros(SIZE, bool)
    row, column = first or centres[0]
    mask[row - side // 2 : row + side // 2, column - side // 2 : column + side // 2] = True
    found = Seen(3, 0, mask)
    for centre in centres:
        drawn = np.zeros(SIZE, bool)
        if centre is not None:
            row, column = centre
            half = side // 2
            drawn[row - half : row + half, column - half : column + half] = True
        found.add(drawn)
    return found


def test_the_window_by_hand() -> None:
    options = SmallObjectsOptions(target_side=30)
    zoom = plan_window(seen_at((60, 100)), SIZE, SIZE, options)
    assert zoom.window == (40, 67) and zoom.seen_as == (120, 201)  # 30 / 10 = 3 times
    most = plan_window(seen_at((60, 100)), SIZE, SIZE, SmallObjectsOptions(target_side=900))
    assert most.window == (30, 50)
    # The network sees half of the frame's size: the window is that of the network.
    half = plan_window(seen_at((60, 100)), SIZE, (60, 100), options)
    assert half.window == (20, 33)


def test_a_window_that_cuts_the_given_mask_is_enlarged() -> None:
    seen = seen_at((60, 100), (60, 100), (60, 100))
    seen.given = np.zeros(SIZE, bool)
    seen.given[40:80, 60:140] = True  # larger than it is later on
    options = SmallObjectsOptions(target_side=40, largest_zoom=4)
    zoom = plan_window(seen, SIZE, SIZE, options)
    top, left = corners(seen, [SIZE] * 3, zoom.window, options)[0]
    inside = seen.given[top : top + zoom.window[0], left : left + zoom.window[1]]
    assert inside.sum() >= 0.95 * seen.given.sum()
    assert zoom.window[1] < SIZE[1]


def test_centres_are_smoothed_and_stay_while_the_object_is_away() -> None:
    seen = seen_at((40, 50), (40, 60), None, (40, 60))
    options = SmallObjectsOptions(smoothing=0.7)
    columns = [left + 10 for _, left in corners(seen, [SIZE] * 4, (20, 20), options)]
    centres = [49.5, 0.7 * 49.5 + 0.3 * 59.5]
    centres += [centres[1], 0.7 * centres[1] + 0.3 * 59.5]
    assert np.abs(np.array(columns) - centres).max() <= 0.51
    edge = corners(seen_at((6, 6)), [SIZE], (20, 20), options)
    assert edge == [(0, 0)]


def test_it_is_switched_on_by_its_group_and_does_not_go_into_crop_then_zoom() -> None:
    settings = InferenceSettings.of({"small_objects": {"largest_area": 0.01}})
    assert list(settings.inference.wrappers) == ["small_objects"]
    both = {"small_objects": {}, "crop_zoom": {}}
    assert list(InferenceSettings.of(both).inference.wrappers) == ["small_objects", "crop_zoom"]
    with pytest.raises(UsageError, match="enlarged already"):
        InferenceSettings.of({**both, "nesting": ["crop_zoom", "small_objects"]})
