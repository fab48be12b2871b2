"""Crop-then-zoom from end to end, with networks whose answers are known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from colour_stub import ColourStub
from torch.nn import functional

from vostool.inference.crop_zoom.eligibility import Rule
from vostool.inference.crop_zoom.options import CropZoomOptions
from vostool.inference.crop_zoom.run import run_with_crop_zoom
from vostool.inference.engine import Member, run_video
from vostool.inference.propagation_options import PropagationOptions
from vostool.inference.run import Propagation, Request
from vostool.inference.source import ArraySource
from vostool.inference.strategy import parse_strategies
from vostool.inference.tracker import make_tracker
from vostool.media.boxes import Box, mask_box
from vostool.predictions.quantise import to_uint8

SIZE = (120, 200)
ZOOM = CropZoomOptions(largest_side=60, least_height=40, zoom_height=96, zoom_width=160)
COLOURS = {3: (230, 40, 40), 5: (40, 220, 60), 8: (50, 60, 240)}


class Remembering(ColourStub):
    """Remembers the given masks only, so that it finds what was away for a while."""

    def memorize(self, frame, features, probabilities, state, fates):
        super().memorize(frame, features, probabilities, state, fates)
        for slot in state.slots:
            first = min(slot.permanent)
            slot.permanent, slot.replaceable = {first: slot.permanent[first]}, {}


class CoarseStub(Remembering):
    """Decides per block of 16 x 16 network pixels, as a network of stride 16 roughly does."""

    def planes(self, features, state):
        planes = super().planes(functional.avg_pool2d(features, 16), state)
        return functional.interpolate(planes, scale_factor=16, mode="bilinear")


def draw(boxes_by_frame, given, size=SIZE):
    """A video of coloured boxes: per frame {id: (x, y, width, height)}; `given`: {frame: ids}."""
    rng = np.random.default_rng(0)
    images, truth, masks = [], [], {}
    for index, boxes in enumerate(boxes_by_frame):
        image = rng.integers(90, 130, (*size, 3)).astype(np.uint8)
        mask = np.zeros(size, np.uint8)
        for value, (x, y, width, height) in boxes.items():
            mask[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)] = value
        for value in boxes:
            image[mask == value] = COLOURS[value]
        images.append(image)
        truth.append(mask)
        if index in given:
            masks[index] = np.where(np.isin(mask, given[index]), mask, 0).astype(np.uint8)
    return ArraySource("boxes", images, masks), truth


def moving(frames, step=6, large=True):
    """Object 3 is small and moves right; object 5 is large and still."""
    other = {5: (100, 56, 90, 60)} if large else {}
    return [{3: (20 + step * t, 30, 26, 20), **other} for t in range(frames)]


def member(stub=None):
    return [Member((stub or Remembering()).eval(), parse_strategies(("every:5",)))]


class Scripted:
    """A tracker that says what it was told to say, and is always sure."""

    def __init__(self, boxes):
        self.boxes = boxes

    def start(self, frame, box):
        self.left = iter(self.boxes)

    def step(self, frame, mask=None):
        return Box(*next(self.left)), 0.9


def run(source, members=None, zoom=ZOOM, tracker=None, **options):
    verdicts = []
    factory = make_tracker() if tracker is None else lambda: tracker
    request = Request(options.pop("probabilities", False))
    results = list(
        run_with_crop_zoom(
            Propagation(members or member(), PropagationOptions(**options)),
            source,
            request,
            zoom,
            factory,
            on_verdicts=verdicts.extend,
        )
    )
    return results, {verdict.object_id: verdict for verdict in verdicts}


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


def preliminary(source, members=None, **options):
    wanted = options.pop("probabilities", False)
    options = PropagationOptions(**options)
    return list(run_video(source, members or member(), options, probabilities=wanted))


def assert_same(results, others):
    assert [item.name for item in results] == [item.name for item in others]
    for one, other in zip(results, others, strict=True):
        assert np.array_equal(one.mask, other.mask)
        if other.probabilities is not None:
            assert np.array_equal(to_uint8(one.probabilities), to_uint8(other.probabilities))


def test_a_network_that_sees_the_truth_gives_it_back():
    source, truth = draw(moving(8), {0: [3, 5]})
    results, verdicts = run(source, probabilities=True)
    assert verdicts[3].rule is Rule.ELIGIBLE
    assert verdicts[3].zoom.seen_as == (96, 160)
    assert verdicts[5].rule is Rule.LARGE_AT_FIRST
    for result, mask in zip(results, truth, strict=True):
        assert iou(result.mask == 3, mask == 3) > 0.95
        assert iou(result.mask == 5, mask == 5) == 1
        assert torch.allclose(result.probabilities.sum(0), torch.ones(()), atol=1e-5)
        assert (
            result.probabilities.argmax(0).numpy() == np.searchsorted([0, 3, 5], result.mask)
        ).all()
    assert np.array_equal(results[0].mask, truth[0])


def test_zooming_sharpens_a_coarse_network():
    source, truth = draw(moving(6), {0: [3, 5]})
    zoom = ZOOM.model_copy(
        update={"agreement_iou": 0.2, "least_agreement": 0.2, "least_overlap": 0.1}
    )
    before = preliminary(source, member(CoarseStub(sharpness=8.0)))
    after, verdicts = run(source, member(CoarseStub(sharpness=8.0)), zoom)
    assert verdicts[3].eligible
    gains = [
        iou(late.mask == 3, mask == 3) - iou(early.mask == 3, mask == 3)
        for early, late, mask in zip(before[1:], after[1:], truth[1:], strict=True)
    ]
    assert min(gains) > 0


@pytest.mark.parametrize("probabilities", [False, True])
def test_without_an_eligible_object_nothing_changes(probabilities):
    source, _ = draw([{5: (10 + t, 30, 90, 60)} for t in range(4)], {0: [5]})
    results, verdicts = run(source, probabilities=probabilities)
    assert verdicts[5].rule is Rule.LARGE_AT_FIRST
    assert_same(results, preliminary(source, probabilities=probabilities))


def test_objects_turned_down_later_change_nothing_either():
    boxes = [{3: (20, 20, 40 + 4 * t, 30 + 3 * t)} for t in range(7)]
    source, _ = draw(boxes, {0: [3]})
    results, verdicts = run(source, probabilities=True)
    assert verdicts[3].rule is Rule.GROWS
    assert_same(results, preliminary(source, probabilities=True))


def test_a_tracker_lost_for_the_rest_turns_the_object_down():
    source, _ = draw(moving(8), {0: [3, 5]})
    truth_boxes = [(20 + 6 * t, 30, 26, 20) for t in range(1, 3)]
    results, verdicts = run(source, tracker=Scripted([*truth_boxes, *[(0, 100, 26, 20)] * 5]))
    assert verdicts[3].rule is Rule.DISAGREEMENT
    assert (verdicts[3].agreeing, verdicts[3].visible) == (2, 7)
    assert_same(results, preliminary(source))


def test_a_tracker_lost_near_the_end_falls_back_and_is_not_blank():
    frames = 14
    source, truth = draw(moving(frames, large=False), {0: [3]})
    good = [(20 + 6 * t, 30, 26, 20) for t in range(1, 9)]
    lost = [(0, 100, 26, 20)] * (frames - 9)
    results, verdicts = run(source, tracker=Scripted(good + lost))
    assert verdicts[3].eligible
    assert verdicts[3].kept_frames > 0
    assert all(
        iou(one.mask > 0, other > 0) > 0.95 for one, other in zip(results, truth, strict=True)
    )


def test_an_object_that_leaves_and_returns():
    path = [20, 10, 0, -10, -20, -60, -60, -60, -60, -10, 2, 20, 30, 40]
    source, truth = draw([{3: (x, 40, 24, 20)} for x in path], {0: [3]})
    results, verdicts = run(source)
    assert verdicts[3].eligible
    for result, mask in zip(results, truth, strict=True):
        if (mask > 0).any():
            assert iou(result.mask > 0, mask > 0) > 0.9
        else:
            assert not result.mask.any()


class NearSighted(Remembering):
    """Sees nothing of fewer than 200 pixels, which a window enlarges."""

    def planes(self, features, state):
        planes = super().planes(features, state)
        return planes * ((planes > 0.5).sum((2, 3), keepdim=True) >= 200)


def test_the_window_of_an_object_that_has_left_may_be_empty(monkeypatch):
    """What comes into its window then looks alike, and is too small for the preliminary pass."""
    monkeypatch.setitem(COLOURS, 8, COLOURS[3])
    path = [40, 30, 20, 10, 0, -10, *[-40] * 8]
    boxes = [
        {3: (x, 48, 24, 24)} | ({8: (4, 54, 12, 12)} if t > 7 else {}) for t, x in enumerate(path)
    ]
    source, truth = draw(boxes, {0: [3]})
    away = [index for index, mask in enumerate(truth) if not (mask == 3).any()]
    before = preliminary(source, member(NearSighted()))
    assert not any(before[index].mask.any() for index in away)
    results, verdicts = run(source, member(NearSighted()))
    assert verdicts[3].eligible
    assert all(results[index].mask.any() for index in away if index > 7)
    zoom = ZOOM.model_copy(update={"empty_when_left": True})
    results, verdicts = run(source, member(NearSighted()), zoom)
    assert verdicts[3].eligible
    assert not any(results[index].mask.any() for index in away)
    assert verdicts[3].kept_frames == len(away)


@pytest.mark.parametrize("corner", [(0, 0), (176, 0), (0, 100), (176, 100)])
def test_windows_at_the_border(corner):
    x, y = corner
    source, truth = draw([{3: (x, y, 24, 20)}] * 4, {0: [3]})
    results, verdicts = run(source)
    assert verdicts[3].eligible
    assert all(
        iou(one.mask > 0, other > 0) > 0.95 for one, other in zip(results, truth, strict=True)
    )


def test_larger_than_the_window_later_on():
    """The tracker stays small, so the growing object's frames disagree and keep their masks."""
    boxes = [{3: (90, 50, 20, 16)}] * 6 + [{3: (30, 10, 150, 100)}] * 2
    source, truth = draw(boxes, {0: [3]})
    results, verdicts = run(source, tracker=Scripted([(90, 50, 20, 16)] * 7))
    assert verdicts[3].eligible
    assert verdicts[3].kept_frames == 2
    assert all(
        iou(one.mask > 0, other > 0) > 0.95 for one, other in zip(results, truth, strict=True)
    )


def test_late_objects_start_at_their_own_first_frame():
    boxes = [{5: (100, 56, 90, 60)}] * 3
    boxes += [{3: (20 + 4 * t, 30, 26, 20), 5: (100, 56, 90, 60)} for t in range(5)]
    source, truth = draw(boxes, {0: [5], 3: [3]})
    results, verdicts = run(source)
    assert verdicts[3].eligible
    assert verdicts[3].visible == 4
    for result, mask in zip(results, truth, strict=True):
        assert iou(result.mask == 5, mask == 5) > 0.95
        assert not (mask == 3).any() or iou(result.mask == 3, mask == 3) > 0.95
    assert_same(results[:3], preliminary(source)[:3])


def test_late_neighbours_are_followed_in_the_window():
    boxes = [{3: (60 + 2 * t, 40, 20, 20)} for t in range(3)]
    boxes += [{3: (60 + 2 * t, 40, 20, 20), 8: (95, 42, 18, 16)} for t in range(3, 7)]
    source, truth = draw(boxes, {0: [3], 3: [8]})
    stub = Remembering()
    results, verdicts = run(source, member(stub))
    assert verdicts[3].eligible
    assert verdicts[8].eligible
    tracks = [len(state.slots) for state in stub.states]
    assert tracks == [2, 2, 2], "preliminary, and each object's window with the other"
    assert np.array_equal(results[3].mask == 8, truth[3] == 8), "given masks come out as they are"
    for result, mask in zip(results, truth, strict=True):
        assert all(iou(result.mask == v, mask == v) > 0.95 for v in (3, 8) if (mask == v).any())


def test_a_look_alike_that_enters_the_window_keeps_its_pixels(monkeypatch):
    # In the window, where object 5 was not in the first frame, its colour counts as object 3's.
    monkeypatch.setitem(COLOURS, 5, (230, 40, 68))
    boxes = [
        {**({3: (20 + t, 30, 26, 20)} if t < 4 else {}), 5: (130 - 15 * t, 20, 66, 66)}
        for t in range(8)
    ]
    source, truth = draw(boxes, {0: [3, 5]})
    first = preliminary(source)
    results, verdicts = run(source)
    assert verdicts[3].rule is Rule.ELIGIBLE
    for result, expected, mask in zip(results, first, truth, strict=True):
        assert not (result.mask == 3)[mask == 5].any()
        assert np.array_equal(result.mask == 5, expected.mask == 5)


def test_the_second_pass_sees_windows_only():
    source, _ = draw(moving(6), {0: [3, 5]})
    stub = Remembering()
    run(source, member(stub))
    shapes = [tuple(shape[-2:]) for shape in stub.encoded]
    assert shapes == [(128, 208)] * 6 + [(96, 160)] * 6


def test_a_zoom_that_disagrees_is_dropped():
    class Blind(Remembering):
        """Sees nothing in pictures as small as the window."""

        def planes(self, features, state):
            planes = super().planes(features, state)
            return planes if features.shape[-1] > 160 else planes * 0

    source, _ = draw(moving(6), {0: [3, 5]})
    results, verdicts = run(source, member(Blind()))
    assert verdicts[3].rule is Rule.ZOOM_DISAGREES
    assert_same(results, preliminary(source))


@pytest.mark.parametrize("sides", [{"short_side": 128}, {"short_side": 200, "long_side": 160}])
def test_views_strategies_members_and_sides(sides):
    source, truth = draw(moving(5), {0: [3, 5]})
    strategies = parse_strategies(("every:5", "first-previous"))
    members = [
        Member(Remembering(30.0).eval(), strategies),
        Member(Remembering().eval(), strategies),
    ]
    views = "flip,1.0,0.75"
    results, verdicts = run(source, members, views=views, **sides)
    assert verdicts[3].eligible
    assert iou(results[-1].mask == 3, truth[-1] == 3) > 0.9


def test_only_wanted_frames_come_out():
    full, _ = draw(moving(7), {0: [3, 5]})

    class Sparse(ArraySource):
        def __iter__(self):
            for index, frame in enumerate(super().__iter__()):
                yield dataclasses.replace(frame, output=index % 3 == 0)

    sparse = Sparse(full.name, full.images, full.given)
    every, _ = run(full, probabilities=True)
    some, verdicts = run(sparse, probabilities=True)
    assert verdicts[3].visible == 6
    assert_same(some, every[::3])


@pytest.mark.parametrize("frames", [0, 1])
def test_short_videos(frames):
    source, truth = draw(moving(frames), {0: [3, 5]} if frames else {})
    results, verdicts = run(source)
    assert [item.mask.tolist() for item in results] == [mask.tolist() for mask in truth]
    assert {verdict.rule for verdict in verdicts.values()} <= {Rule.NEVER_SEEN, Rule.LARGE_AT_FIRST}


def test_frames_of_differing_sizes_share_one_window():
    source, truth = draw(moving(5, large=False), {0: [3]})
    images = [image if k < 3 else image[:100, :180] for k, image in enumerate(source.images)]
    cut = ArraySource("cut", images, source.given)
    results, verdicts = run(cut)
    assert verdicts[3].zoom.window == (50, 83)
    assert results[4].mask.shape == (100, 180)
    assert iou(results[4].mask > 0, truth[4][:100, :180] > 0) > 0.95


def test_windows_follow_the_tracker():
    """What the zoomed pass sees of the frame holds the whole object."""
    source, _ = draw(moving(6, large=False), {0: [3]})
    seen = []

    class Watching(Remembering):
        def encode(self, frame):
            seen.append(frame.images)
            return super().encode(frame)

    run(source, member(Watching()))
    red = [(image[0, 0] > 0.6) & (image[0, 1] < 0.4) for image in seen[6:]]
    boxes = [mask_box(plane.numpy()) for plane in red]
    height, width = 96 / 50, 160 / 83
    for box in boxes:
        assert box.width == pytest.approx(26 * width, abs=3)
        assert box.height == pytest.approx(20 * height, abs=3)
