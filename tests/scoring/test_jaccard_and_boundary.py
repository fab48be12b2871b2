"""J and F against the plain definitions, hand-computed cases and real masks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from vostool.scoring.boundary import Boundaries
from vostool.scoring.disk import tolerance_pixels, whole_disk
from vostool.scoring.evaluate import compare
from vostool.scoring.mask_pair import MaskPair, Workspace


def score_frames(predictions, truths, ids, radius: int | None = None):
    """J and F of every object in every frame."""
    compared = compare(predictions, truths, ids)
    if radius is None:
        return compared.j, compared.f
    everywhere = np.ones((len(truths), len(ids)), bool)
    return compared.j, compared.boundary_f(lambda size, areas: [(whole_disk(radius), everywhere)])


def score_pair(predicted, truth) -> tuple[float, float]:
    """J and F of one object in one frame, from bool masks."""
    j, f = score_frames([predicted.astype(np.uint8)], [truth.astype(np.uint8)], (1,))
    return j[0, 0], f[0, 0]


SIZES = st.tuples(st.integers(1, 14), st.integers(1, 14))


@st.composite
def mask_batches(draw):
    """A few frames of one size with few ids, so that objects touch and overlap often."""
    size = draw(SIZES)
    ids = draw(st.lists(st.integers(1, 254), min_size=1, max_size=4, unique=True))
    masks = hnp.arrays(np.uint8, size, elements=st.sampled_from([0, *ids]))
    frames = draw(st.lists(st.tuples(masks, masks), min_size=1, max_size=3))
    return [a for a, _ in frames], [b for _, b in frames], sorted(ids)


@given(mask_batches(), st.integers(1, 5))
def test_all_objects_at_once_equal_the_definitions(plain, batch, radius):
    predictions, truths, ids = batch
    j, f = score_frames(predictions, truths, ids, radius)
    for time, (predicted, truth) in enumerate(zip(predictions, truths)):
        for row, number in enumerate(ids):
            masks = predicted == number, truth == number
            assert j[time, row] == plain.plain_j(*masks)
            assert f[time, row] == pytest.approx(
                plain.plain_f(*masks, plain.dilate_binary, radius), abs=1e-12
            )


@given(hnp.arrays(np.uint8, SIZES), hnp.arrays(np.uint8, st.just((7, 9))))
def test_overlap_is_the_joint_histogram(first, second):
    second = np.resize(second, first.shape)
    pair = MaskPair.of(first, second)
    rows, columns = pair.overlap.shape
    expected = np.histogram2d(
        first.ravel(), second.ravel(), bins=(np.arange(rows + 1), np.arange(columns + 1))
    )[0]
    np.testing.assert_array_equal(pair.overlap, expected)
    assert pair.overlap.sum() == first.size
    assert pair.predicted_ids().tolist() == sorted(set(first.ravel().tolist()) - {0})


def square(top: int, left: int, side: int, size: int = 40) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[top : top + side, left : left + side] = True
    return mask


EMPTY, FULL = np.zeros((40, 40), bool), np.ones((40, 40), bool)


@pytest.mark.parametrize(
    ("predicted", "truth", "j", "f"),
    [
        (EMPTY, EMPTY, 1.0, 1.0),
        (EMPTY, square(10, 10, 8), 0.0, 0.0),
        (square(10, 10, 8), EMPTY, 0.0, 0.0),
        (square(10, 10, 8), square(10, 10, 8), 1.0, 1.0),
        # No boundary in a mask that fills the image, so that F cannot tell it from an empty one.
        (FULL, FULL, 1.0, 1.0),
        (FULL, EMPTY, 0.0, 1.0),
        (FULL, square(10, 10, 8), 64 / 1600, 0.0),
        # One pixel to the right: 56 shared pixels, all boundaries within the tolerance of 1.
        (square(10, 10, 8), square(10, 11, 8), 56 / 72, 1.0),
        # Apart: nothing is near anything.
        (square(2, 2, 8), square(25, 25, 8), 0.0, 0.0),
    ],
)
def test_hand_computed(predicted, truth, j, f):
    assert score_pair(predicted, truth) == (pytest.approx(j), pytest.approx(f))


@pytest.mark.parametrize(("distance", "near"), [(8, True), (9, False)])
@pytest.mark.parametrize("direction", [(0, 1), (1, 0), (0, -1), (-1, 0)])
def test_tolerance_reaches_exactly_its_radius(distance, near, direction):
    point, other = np.zeros((480, 854), bool), np.zeros((480, 854), bool)
    point[200, 200] = True
    other[200 + distance * direction[0], 200 + distance * direction[1]] = True
    # A lone pixel's boundary is the 2 x 2 block up and left of it: at distance 9, two of the four
    # boundary pixels of each are 8 apart from the other's.
    assert score_pair(point, other)[1] == pytest.approx(1.0 if near else 0.5)


@pytest.mark.parametrize(
    ("height", "width", "pixels"),
    [(480, 854, 8), (480, 910, 9), (1080, 1920, 18), (720, 1280, 12), (1, 1, 1)],
)
def test_tolerance_in_pixels(height, width, pixels):
    assert tolerance_pixels(height, width) == pixels


def test_neighbouring_rows_frames_and_objects_are_not_mixed_up():
    """Boundaries at the right border must not meet those at the left border of the next row."""
    left, right = np.zeros((30, 30), np.uint8), np.zeros((30, 30), np.uint8)
    left[:, 0] = 1
    right[:, -1] = 1
    pairs = [MaskPair.of(left, right), MaskPair.of(right, left), MaskPair.of(right, right)]
    scores = Boundaries([(pairs, 1), (pairs, 2)], reach=5).scores(whole_disk(5))
    np.testing.assert_array_equal(scores, [[0, 1], [0, 1], [1, 1]])


def test_a_workspace_serves_frames_of_any_size_and_depth(rng):
    workspace = Workspace()
    for size, top in (((20, 30), 3), ((5, 4), 255), ((40, 50), 20), ((6, 6), 1)):
        first, second = (rng.integers(0, top, size, dtype=np.uint8) for _ in range(2))
        reused, fresh = MaskPair.of(first, second, workspace), MaskPair.of(first, second)
        np.testing.assert_array_equal(reused.overlap, fresh.overlap)
        np.testing.assert_array_equal(reused.position, fresh.position)
        np.testing.assert_array_equal(reused.truth, fresh.truth)


@pytest.mark.parametrize(
    ("predicted", "truth", "words"),
    [
        (np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8), "differ in size"),
        (np.zeros((4, 4), np.int64), np.zeros((4, 4), np.uint8), "uint8"),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 3), np.uint8), "uint8"),
        (np.zeros((0, 4), np.uint8), np.zeros((0, 4), np.uint8), "uint8"),
    ],
)
def test_masks_that_do_not_fit_are_refused(predicted, truth, words):
    with pytest.raises(ValueError, match=words):
        score_frames([predicted], [truth], (1,))


def test_frames_of_several_sizes_are_scored_apart(plain, rng):
    sizes = ((30, 40), (50, 20), (30, 40))
    masks = [rng.integers(0, 3, size, dtype=np.uint8).repeat(3, 0).repeat(3, 1) for size in sizes]
    moved = [np.roll(mask, 1, 0) for mask in masks]
    j, f = score_frames(moved, masks, (1, 2))
    for time, (predicted, truth) in enumerate(zip(moved, masks)):
        expected = plain.plain_scores(predicted, truth, range(1, 3))
        np.testing.assert_allclose(np.stack([j[time], f[time]], 1), expected, atol=1e-12)


@pytest.mark.parametrize("video", ["bmx-trees", "drift-chicane"])
def test_real_masks_equal_the_definitions(plain, shared_data, video):
    """Two tools' masks of a few frames; ids of OSVOS in their own order, at 480p."""
    predictions, truths = [], []
    for name in ("00005", "00030"):
        predicted = np.array(Image.open(shared_data / f"third-party/osvos/{video}/{name}.png"))
        truth = np.array(Image.open(shared_data / f"DAVIS/Annotations/480p/{video}/{name}.png"))
        predictions.append(predicted)
        truths.append((truth > 0).astype(np.uint8))
    j, f = score_frames(predictions, truths, (1, 2))
    for time, (predicted, truth) in enumerate(zip(predictions, truths)):
        expected = plain.plain_scores(predicted, truth, range(1, 3), plain.dilate_opencv)
        np.testing.assert_allclose(np.stack([j[time], f[time]], 1), expected, atol=1e-12)
    one = plain.plain_f(predictions[0] == 1, truths[0] == 1, plain.dilate_binary)
    assert f[0, 0] == pytest.approx(one, abs=1e-12)


def test_many_real_objects_equal_the_definitions(plain, shared_data):
    path = next(iter(sorted((shared_data / "many-objects").rglob("*.png"))))
    truth = np.array(Image.open(path))[::2, ::2]
    predicted = np.roll(truth, (4, -9), (0, 1))
    ids = sorted(set(np.unique(truth).tolist()) - {0, 255})
    assert len(ids) >= 10
    j, f = score_frames([predicted], [truth], ids)
    for row, number in enumerate(ids):
        masks = predicted == number, truth == number
        assert j[0, row] == plain.plain_j(*masks)
        assert f[0, row] == pytest.approx(plain.plain_f(*masks, plain.dilate_opencv), abs=1e-12)
