"""MOSEv2: pairs that its official code scored, its layout, and what can be wrong with it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from layouts import NAMES, write_frames, write_masks, write_mosev2
from toy import COUNT, rectangle, toy_predictions, toy_truths

from vostool.core.errors import DataError
from vostool.datasets.catalogue import load_videos
from vostool.datasets.selection import Selection
from vostool.scoring.disk import fractional_disk
from vostool.scoring.evaluate import compare
from vostool.scoring.measure import load_measure
from vostool.scoring.segments import segment_means
from vostool.stages.score.evaluate import evaluate


def pair(size: tuple[int, int], box: tuple[int, int, int, int], shift: tuple[int, int]):
    """J, F and F_new of a rectangle against itself, moved."""
    truth = rectangle(np.zeros(size, np.uint8), 1, *box)
    predicted = np.roll(truth, shift, (0, 1))
    values = load_measure("mosev2").score_frames(compare([predicted], [truth], (1,)))
    return values.shown["J"][0, 0], values.extras["F"][0, 0], values.shown["F_new"][0, 0]


@pytest.mark.parametrize(
    ("size", "box", "shift", "wanted"),
    [
        ((120, 160), (40, 40, 60, 60), (1, 1), (0.822727, 0.993711, 0.993711)),
        ((480, 854), (100, 100, 180, 180), (8, 0), (0.818208, 0.543750, 0.543750)),
        ((480, 854), (100, 100, 160, 160), (8, 0), (0.764764, 1.0, 0.541667)),
        ((24, 32), (4, 4, 12, 12), (0, 0), (1.0, 0.062500, 0.062500)),
    ],
)
def test_pairs_equal_the_official_ones(size, box, shift, wanted):
    j, f, f_new = pair(size, box, shift)
    assert (j, f, f_new) == pytest.approx(wanted, abs=1e-6)


def test_segments_equal_the_official_ones():
    scores = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    absent = np.array([1, 1, 0, 0, 1, 0], bool)
    assert segment_means(scores, absent) == pytest.approx((0.5, 0.475))


@pytest.mark.parametrize("absent", [[], [0, 0, 0], [1, 1]])
def test_an_object_that_stays_has_no_segments(absent):
    scores = np.linspace(0, 1, len(absent))
    assert np.isnan(segment_means(scores, np.array(absent, bool))).all()


def plain_near(of: np.ndarray, other: np.ndarray, radius: float) -> int:
    """Pixels of one contour with one of the other's at an offset, written down plainly."""
    taps = [-radius + k for k in range(int(np.ceil(2 * radius + 1)))]
    centre = len(taps) // 2
    offsets = [
        (row - centre, column - centre)
        for row, v in enumerate(taps)
        for column, w in enumerate(taps)
        if v * v + w * w <= radius * radius
    ] or [(-1, -1)]
    height, width = of.shape
    count = 0
    for y, x in zip(*np.nonzero(of), strict=True):
        places = ((y + dy, x + dx) for dy, dx in offsets)
        count += any(0 <= a < height and 0 <= b < width and other[a, b] for a, b in places)
    return count


def plain_boundary(mask):
    """Pixels whose 2 x 2 block to the right and below, clamped to the image, is not uniform."""
    height, width = mask.shape
    found = np.zeros(mask.shape, bool)
    for y in range(height):
        for x in range(width):
            block = mask[y : y + 2, x : x + 2]
            found[y, x] = block.any() and not block.all()
    return found


MASKS = hnp.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


@given(MASKS, st.integers(0, 2**32 - 1), st.sampled_from([0.3, 0.6, 1.0, 1.1, 1.28, 2.0, 2.7, 3.5]))
def test_every_disk_equals_the_definition(truth, seed, radius):
    predicted = truth ^ (np.random.default_rng(seed).random(truth.shape) < 0.2)
    compared = compare([predicted.astype(np.uint8)], [truth.astype(np.uint8)], (1,))
    disk, here = fractional_disk(radius), np.ones((1, 1), bool)
    found = compared.boundary_f(lambda size, areas: [(disk, here)])[0, 0]
    first, second = plain_boundary(predicted), plain_boundary(truth)
    if not first.any() or not second.any():
        assert found == float(not first.any() and not second.any())
        return
    precision = plain_near(first, second, radius) / first.sum()
    recall = plain_near(second, first, radius) / second.sum()
    total = precision + recall
    assert found == pytest.approx(2 * precision * recall / total if total else 0.0)


def meta_of(**entry: object) -> dict[str, object]:
    return {"videos": {"toy": {"length": COUNT, "height": 96, "width": 128, **entry}}}


@pytest.mark.parametrize("objects", [None, [1, 2], {"1": {}, "2": {}}])
def test_figures_from_a_folder(tmp_path, objects):
    entry = {} if objects is None else {"objects": objects}
    write_mosev2(tmp_path / "MOSEv2", meta=meta_of(**entry))
    write_masks(tmp_path / "preds" / "toy", dict(zip(NAMES, toy_predictions(), strict=True)))
    report = evaluate(tmp_path / "preds", Selection("mosev2", tmp_path / "MOSEv2", "train"))
    assert round(100 * report.score, 2) == 63.12


def test_a_video_of_two_frames_scores_zero(tmp_path):
    write_mosev2(tmp_path / "MOSEv2")
    short = dict(zip(NAMES, toy_truths()[:2], strict=False))
    write_frames(tmp_path / "MOSEv2/train/JPEGImages/short", short)
    write_masks(tmp_path / "MOSEv2/train/Annotations/short", short)
    write_masks(tmp_path / "preds/toy", dict(zip(NAMES, toy_predictions(), strict=True)))
    write_masks(tmp_path / "preds/short", short)
    report = evaluate(tmp_path / "preds", Selection("mosev2", tmp_path / "MOSEv2", "train"))
    assert report.score == pytest.approx(0.631157 / 2, abs=1e-4)
    assert round(100 * report.figures["disappear_J&F_new"], 2) == 77.5
    assert any("scored 0" in note for note in report.summary.notes)


@pytest.mark.parametrize(
    ("meta", "words"),
    [
        (meta_of(objects=[1, 2, 5]), "object 5 of video toy is listed, but no mask"),
        (meta_of(objects=[0]), "object 0 of video toy: an id must lie in 1..254"),
        (meta_of(objects="12"), "the objects of video toy are no list"),
        (meta_of(length=8), "video toy has 9 frames, but its length is given as 8"),
        ({"videos": {"other": {}}}, "names videos that have no frames: other"),
        ({"videos": []}, 'has no table "videos"'),
    ],
)
def test_meta_files_that_do_not_fit_are_refused(tmp_path, meta, words):
    write_mosev2(tmp_path, meta=meta)
    with pytest.raises(DataError) as caught:
        load_videos("mosev2", tmp_path, "train")
    assert words in str(caught.value)
    assert "meta_train.json" in str(caught.value)
