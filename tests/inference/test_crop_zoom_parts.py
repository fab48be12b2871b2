"""Boxes, options, windows, agreement, rules and combination, against plain recomputation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vostool.core.errors import OutputError
from vostool.inference.crop_zoom.combine import combine, combined_labels
from vostool.inference.crop_zoom.eligibility import Rule, judge
from vostool.inference.crop_zoom.options import CropZoomOptions
from vostool.inference.crop_zoom.store import ArrayStore
from vostool.inference.crop_zoom.trail import Follower, Sight, Trail
from vostool.inference.crop_zoom.window import Zoom, anchors, windows
from vostool.inference.crop_zoom.zoomed_source import enlarge_mask, neighbours
from vostool.media.boxes import Box, box_iou, mask_box, without_specks

OPTIONS = CropZoomOptions()
FRAME = (480, 854)
NUMBERS = st.integers(-20, 60)
BOXES = st.builds(Box, NUMBERS, NUMBERS, st.integers(1, 40), st.integers(1, 40))


@given(BOXES, BOXES)
def test_box_iou_counts_pixels(one, other):
    plane = np.zeros((2, 140, 140), bool)
    for layer, box in zip(plane, (one, other)):
        layer[box.y + 30 : box.y + 30 + box.height, box.x + 30 : box.x + 30 + box.width] = True
    counted = (plane[0] & plane[1]).sum() / (plane[0] | plane[1]).sum()
    assert box_iou(one, other) == pytest.approx(counted)


def test_mask_box_and_specks():
    mask = np.zeros((40, 60), bool)
    assert mask_box(mask) is None
    assert without_specks(mask, 0.05) is mask
    mask[10:20, 30:50] = True
    assert mask_box(mask) == Box(30, 10, 20, 10)
    mask[0:3, 0:3] = True
    assert mask_box(mask) == Box(0, 0, 50, 20)
    assert mask_box(without_specks(mask, 0.05)) == Box(30, 10, 20, 10)
    assert without_specks(mask, 0.04) is mask


def test_every_threshold_is_documented():
    assert all(field.description for field in CropZoomOptions.model_fields.values())


@pytest.mark.parametrize(
    ("largest", "frame", "window", "seen_as"),
    [
        ((20, 30), FRAME, (96, 160), (384, 640)),
        ((20, 80), FRAME, (200, 333), (384, 640)),
        ((150, 60), FRAME, (225, 375), (384, 640)),
        ((10, 190), FRAME, (475, 792), (384, 640)),
        ((20, 30), (60, 90), (60, 90), (240, 360)),
        ((40, 90), (854, 300), (225, 300), (384, 512)),
    ],
)
def test_window_sizes(largest, frame, window, seen_as):
    zoom = Zoom.plan(largest, frame, OPTIONS)
    assert zoom.window == window
    assert zoom.seen_as == seen_as
    assert zoom.factor <= OPTIONS.largest_zoom


@given(st.data())
def test_windows_stay_inside_and_contain_their_boxes(data):
    size = data.draw(st.tuples(st.integers(30, 90), st.integers(40, 120)))
    window = (data.draw(st.integers(10, size[0])), data.draw(st.integers(10, size[1])))
    boxes = []
    for _ in range(data.draw(st.integers(1, 8))):
        width = data.draw(st.floats(1, size[1]))
        height = data.draw(st.floats(1, size[0]))
        x, y = data.draw(st.floats(0, size[1] - width)), data.draw(st.floats(0, size[0] - height))
        boxes.append(Box(x, y, width, height))
    corners = windows(boxes, [size] * len(boxes), window, 5)
    for (top, left), box in zip(corners, boxes, strict=True):
        assert 0 <= top <= size[0] - window[0]
        assert 0 <= left <= size[1] - window[1]
        # One pixel, because windows have whole corners and boxes have not.
        if box.height <= window[0] - 1:
            assert top <= box.y
            assert box.y + box.height <= top + window[0]
        if box.width <= window[1] - 1:
            assert left <= box.x
            assert box.x + box.width <= left + window[1]


def test_window_centres_are_running_medians():
    boxes = [Box(100 + 10 * (k == 3), 100, 10, 10) for k in range(7)]
    corners = windows(boxes, [(300, 300)] * 7, (60, 100), 5)
    assert corners == [(75, 55)] * 7


def sight(tracked, seen, score=0.9):
    agrees = seen is not None and box_iou(tracked, seen) >= 0.5
    return Sight(tracked, score, seen, agrees)


HERE, THERE = Box(50, 50, 20, 20), Box(200, 90, 20, 20)


def test_anchor_is_the_tracker_until_it_is_doubtful():
    sights = [sight(HERE, HERE), sight(THERE, HERE, score=0.1), sight(THERE, None, score=0.1)]
    found = anchors(Trail(1, 0, HERE, sights), OPTIONS)
    assert [item.box for item in found] == [HERE] * 4
    assert [item.trusted for item in found] == [True, True, True, False]


def test_a_tracker_that_does_not_know_it_is_lost_is_found_by_disagreement():
    sights = [sight(HERE, HERE), *[sight(THERE, HERE)] * 8, sight(HERE, HERE), sight(THERE, HERE)]
    found = [item.box for item in anchors(Trail(1, 0, HERE, sights), OPTIONS)]
    assert found == [HERE, HERE, *[THERE] * 4, *[HERE] * 4, HERE, THERE]


def test_unseen_frames_are_no_disagreement():
    sights = [sight(THERE, None)] * 20
    assert [item.box for item in anchors(Trail(1, 0, HERE, sights), OPTIONS)][1:] == [THERE] * 20


def test_an_object_has_left_where_it_was_last_seen_at_the_border():
    def seen(at_border):
        return Sight(HERE, 0.9, HERE, True, at_border)

    away = sight(HERE, None)
    sights = [away, seen(False), away, seen(True), away, away, seen(False), away]
    expected = [False, False, False, False, True, True, False, False]
    assert Trail(1, 0, HERE, sights).departed() == expected
    assert Trail(1, 0, HERE, sights, at_border=True).departed() == [True, *expected[1:]]


TALL = Box(50, 50, 20, 230)


@pytest.mark.parametrize(
    ("given_box", "sights", "scale", "rule"),
    [
        (HERE, [sight(HERE, HERE)] * 4, 1.0, Rule.ELIGIBLE),
        (TALL, [sight(HERE, HERE)] * 4, 1.0, Rule.LARGE_AT_FIRST),
        (HERE, [sight(HERE, None)] * 4, 1.0, Rule.NEVER_SEEN),
        (HERE, [], 1.0, Rule.NEVER_SEEN),
        (HERE, [sight(HERE, HERE), *[sight(THERE, HERE)] * 2], 1.0, Rule.DISAGREEMENT),
        (HERE, [sight(HERE, HERE), sight(THERE, HERE)], 1.0, Rule.ELIGIBLE),
        (HERE, [sight(HERE, HERE), sight(TALL, TALL)], 1.0, Rule.GROWS),
        (HERE, [sight(HERE, HERE), sight(HERE, HERE), sight(HERE, TALL)], 1.0, Rule.ELIGIBLE),
        (HERE, [sight(HERE, HERE)] * 4, 5.0, Rule.NO_GAIN),
    ],
)
def test_rules(given_box, sights, scale, rule):
    verdict = judge(Trail(7, 0, given_box, sights), FRAME, scale, OPTIONS)
    assert verdict.rule is rule
    assert verdict.eligible == (rule is Rule.ELIGIBLE) == (verdict.zoom is not None)
    assert rule.value in verdict.sentence()
    assert verdict.as_json()["rule"] == rule.name.lower().replace("_", "-")


class Still:
    """A tracker that never moves."""

    def start(self, frame, box):
        self.box = box

    def step(self, frame, mask=None):
        return self.box, 0.9


def test_follower_compares_without_specks_and_needs_pixels():
    frame = np.zeros((100, 120, 3), np.uint8)
    mask = np.zeros((100, 120), bool)
    mask[20:40, 30:50] = True
    follower = Follower.begin(3, 2, frame, mask, Still(), OPTIONS)
    noisy = mask.copy()
    noisy[90:93, 100:103] = True
    few = np.zeros_like(mask)
    few[20:25, 30:33] = True
    for each in (mask, noisy, few, np.zeros_like(mask), np.roll(mask, 15, axis=1)):
        follower.step(frame, each)
    trail = follower.trail
    assert trail.given == Box(30, 20, 20, 20)
    assert [item.agrees for item in trail.sights] == [True, True, False, False, False]
    assert [item.seen is None for item in trail.sights] == [False, False, True, True, False]
    assert trail.agreement == pytest.approx(2 / 3)


def volumes(shape):
    return st.lists(st.integers(0, 255), min_size=int(np.prod(shape)), max_size=int(np.prod(shape)))


@given(st.data())
def test_combination_sums_to_one(data):
    raw = np.array(data.draw(volumes((4, 2, 3))), np.float64).reshape(4, 2, 3) + 1e-9
    preliminary = (raw / raw.sum(0)).astype(np.float32)
    rows = data.draw(st.permutations([1, 2, 3]).map(lambda found: found[:2]))
    zoomed = np.array(data.draw(volumes((2, 2, 3))), np.float32).reshape(2, 2, 3) / 255
    combined = combine(preliminary, rows, list(zoomed))
    assert combined.min() >= 0
    np.testing.assert_allclose(combined.sum(0), 1, atol=1e-5)
    np.testing.assert_allclose(combined[rows[0]], zoomed[0], atol=1e-6)
    np.testing.assert_allclose(combined[rows[1]], zoomed[1] * (1 - zoomed[0]), atol=1e-6)


def test_one_object_follows_the_formula():
    preliminary = np.array([0.2, 0.5, 0.3], np.float32).reshape(3, 1, 1)
    combined = combine(preliminary, [1], [np.full((1, 1), 0.8)])
    np.testing.assert_allclose(combined.ravel(), [0.2 * 0.2 / 0.5, 0.8, 0.3 * 0.2 / 0.5], atol=1e-5)
    certain = np.array([0.0, 1.0, 0.0], np.float32).reshape(3, 1, 1)
    np.testing.assert_allclose(
        combine(certain, [1], [np.full((1, 1), 0.1)]).ravel(), [0.9, 0.1, 0], atol=1e-5
    )


def test_labels_change_only_where_a_zoomed_object_was_or_is():
    preliminary = np.zeros((3, 1, 4), np.float32)
    preliminary[0] = [0.5, 0.0, 1.0, 0.5]
    preliminary[1] = [0.0, 1.0, 0.0, 0.0]
    preliminary[2] = [0.5, 0.0, 0.0, 0.5]
    labels = np.array([[2, 1, 0, 2]], np.uint8)
    combined = combine(preliminary, [1], [np.array([[0.0, 0.0, 0.9, 0.0]], np.float32)])
    assert combined_labels(combined, preliminary, labels, [1]).tolist() == [[2, 0, 1, 2]]


def test_neighbours_are_the_visible_others():
    mask = np.zeros((20, 20), np.uint8)
    mask[0, :16], mask[1, :15], mask[2] = 4, 5, 9
    assert neighbours(mask, 9, 16) == [4]


def test_masks_are_enlarged_on_the_same_grid():
    mask = np.array([[1, 0], [0, 2]], np.uint8)
    assert enlarge_mask(mask, (4, 6)).tolist() == np.kron(mask, np.ones((2, 3), int)).tolist()


def test_store_gives_back_and_cleans_up(tmp_path, rng):
    array = rng.integers(0, 256, (3, 5, 7), dtype=np.uint8)
    with ArrayStore(tmp_path) as store:
        store.put("a", 2, array)
        assert store.has("a", 2)
        assert not store.has("b", 2)
        assert (store.get("a", 2) == array).all()
        with pytest.raises(ValueError, match="only uint8"):
            store.put("a", 3, array.astype(float))
        assert any(tmp_path.iterdir())
    assert not any(tmp_path.iterdir())


def test_store_explains_a_full_disk(tmp_path, monkeypatch, rng):
    def full(*_):
        raise OSError(28, "No space left on device")

    with ArrayStore(tmp_path) as store:
        monkeypatch.setattr("pathlib.Path.write_bytes", full)
        with pytest.raises(OutputError, match="no space left"):
            store.put("a", 0, np.zeros((2, 2), np.uint8))
