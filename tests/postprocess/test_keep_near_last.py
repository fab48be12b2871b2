"""The component filter, on hand-made cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from vostool.core.types import ObjectIds
from vostool.postprocess.components import Components
from vostool.postprocess.sequence import FrameEdit, MaskSequence
from vostool.postprocess.steps import keep_near_last

SIZE = (100, 160)  # the diagonal is 188.7, so the least radius is 9.4 pixels
HOME, AWAY = (20, 20), (70, 130)


def mask(*boxes: tuple[int, int, int, int], object_id: int = 1) -> np.ndarray:
    """Ids with boxes (row, column, height, width) of one object."""
    drawn = np.zeros(SIZE, np.uint8)
    for row, column, height, width in boxes:
        drawn[row : row + height, column : column + width] = object_id
    return drawn


def square(position: tuple[int, int], side: int = 10) -> tuple[int, int, int, int]:
    return (*position, side, side)


def sequence(masks, planes=None, ids=(1,), given=None) -> MaskSequence:
    given = given or [frozenset(ids), *([frozenset()] * (len(masks) - 1))]
    return MaskSequence(
        tuple(FrameEdit(item) for item in masks), ObjectIds.of(ids), tuple(given), planes
    )


def run(masks, planes=None, ids=(1,), given=None, **params) -> tuple[np.ndarray, ...]:
    before = [item.copy() for item in masks]
    after = keep_near_last.apply(
        sequence(masks, planes, ids, given), keep_near_last.Params(**params)
    )
    for kept, item in zip(before, masks, strict=True):
        np.testing.assert_array_equal(kept, item)  # the input is never written into
    return after.masks


def shown(masks) -> list[bool]:
    return [bool(item.any()) for item in masks]


HERE, FAR, NONE = mask(square(HOME)), mask(square(AWAY)), mask()
SPLIT = mask((20, 20, 10, 4), (20, 27, 10, 3))
BOTH = mask(square(HOME), square(AWAY))
NEAR_BY = mask(square((20, 40)))
CRUMB, PART = mask((20, 20, 2, 3)), mask((20, 20, 3, 10))  # below and above a 16th of it


@pytest.mark.parametrize(
    ("masks", "expected"),
    [
        pytest.param([HERE, BOTH, BOTH], [HERE, HERE, HERE], id="distractor removed"),
        pytest.param([HERE, SPLIT, HERE], [HERE, SPLIT, HERE], id="split by an occluder kept"),
        pytest.param([HERE, NONE, NEAR_BY], [HERE, NONE, NEAR_BY], id="near: back at once"),
        pytest.param(
            [HERE, NONE, FAR, FAR, FAR, FAR],
            [HERE, NONE, NONE, NONE, FAR, FAR],
            id="far: back after three frames",
        ),
        pytest.param(
            [HERE, FAR, FAR, NONE, HERE], [HERE, NONE, NONE, NONE, HERE], id="flicker suppressed"
        ),
        pytest.param(
            [HERE, FAR, FAR, NONE, FAR, FAR], [HERE, *[NONE] * 5], id="a gap starts the count anew"
        ),
        pytest.param(
            [HERE, *[mask(square(AWAY, side=25))] * 4], [HERE, *[NONE] * 4], id="too large to be it"
        ),
        pytest.param(
            [HERE, CRUMB, *[CRUMB | FAR] * 4],
            [HERE, CRUMB, CRUMB, CRUMB, FAR, FAR],
            id="what a crumb of it is left of is found elsewhere",
        ),
        pytest.param(
            [HERE, *[CRUMB] * 4, NEAR_BY],
            [HERE, *[CRUMB] * 4, NEAR_BY],
            id="a crumb stays, and the object comes back near it",
        ),
        pytest.param([HERE, PART, *[PART | FAR] * 4], [HERE, *[PART] * 5], id="a part of it is it"),
        pytest.param(
            [NONE, FAR, HERE], [NONE, FAR, NONE], id="empty first mask: what comes first is it"
        ),
    ],
)
def test_toy_cases(masks, expected):
    for index, (found, wanted) in enumerate(zip(run(masks), expected, strict=True)):
        np.testing.assert_array_equal(found, wanted, err_msg=f"frame {index}")


def test_radius_grows_while_the_object_is_away():
    # 22 columns between the boxes: beyond the box diagonal (14.1), within 1.5 x of it after a gap
    jump = mask(square((20, 50)))
    assert shown(run([HERE, jump])) == [True, False]
    assert shown(run([HERE, NONE, jump])) == [True, False, True]


def test_velocity_carries_the_expected_position():
    moving = [mask(square((20, 10 + 12 * step))) for step in range(5)]
    ahead = mask(square((20, 10 + 12 * 4 + 32)))  # too far from the last mask alone
    assert shown(run([*moving, ahead]))[-1]
    assert not shown(run([*[moving[-1]] * 5, ahead]))[-1]


def test_frame_gap_widens_the_radius():
    jump = mask(square((20, 50)))
    assert shown(run([HERE, jump], frame_gap=5.0)) == [True, True]


def test_back_fill_gives_the_withheld_frames_back():
    found = run([HERE, FAR, FAR, FAR], back_fill=True)
    np.testing.assert_array_equal(np.stack(found), np.stack([HERE, FAR, FAR, FAR]))


def test_given_masks_are_left_alone_and_restart_the_state():
    masks = [HERE, BOTH, FAR, FAR]
    given = [frozenset({1}), frozenset(), frozenset({1}), frozenset()]
    found = run(masks, given=given)
    np.testing.assert_array_equal(np.stack(found), np.stack([HERE, HERE, FAR, FAR]))


def planes_of(labels: np.ndarray, runner_up: int) -> np.ndarray:
    """Planes in which a third of the probability is with the runner-up."""
    planes = np.zeros((3, *SIZE), np.uint8)
    np.put_along_axis(planes, labels[None].astype(np.int64), 230, axis=0)
    planes[runner_up] += 25
    return planes


def test_removed_pixels_take_the_best_label_left():
    two = np.where(FAR > 0, 2, HERE).astype(np.uint8)
    stray = two.copy()
    stray[70:80, 140:150] = 1  # part of object 1 right beside object 2
    stray[80:84, 10:14] = 1  # and one where object 2 is far as well
    ids = ObjectIds.of((1, 2))
    planes = planes_of(stray, runner_up=2)
    found = run([two, stray], planes=lambda index: (planes, ids), ids=(1, 2))[1]
    assert (found[70:80, 140:150] == 2).all()
    assert (found[80:84, 10:14] == 0).all()
    np.testing.assert_array_equal(found[:60], two[:60])


def test_an_improbable_far_component_is_not_believed():
    ids = ObjectIds.of((1,))
    faint = np.zeros((2, *SIZE), np.uint8)
    faint[1][FAR > 0], faint[0][FAR > 0] = 150, 105
    assert shown(run([HERE, *[FAR] * 4], planes=lambda index: (faint, ids))) == [True] + [False] * 4


def test_running_it_twice_changes_nothing():
    rng = np.random.default_rng(0)
    masks = [HERE]
    for _ in range(20):  # noise: small boxes anywhere, object 1 wandering, object 2 standing still
        row, column = rng.integers(0, 90), rng.integers(0, 150)
        drawn = mask(square((int(20 + rng.integers(-4, 5)), 20)), (int(row), int(column), 5, 5))
        drawn[60:70, 60:70] = 2
        masks.append(drawn)
    masks[0] = masks[0] | np.where(masks[1] == 2, 2, 0).astype(np.uint8)
    once = keep_near_last.apply(sequence(masks, ids=(1, 2)), keep_near_last.Params())
    twice = keep_near_last.apply(sequence(once.masks, ids=(1, 2)), keep_near_last.Params())
    assert any((a != b).any() for a, b in zip(masks, once.masks, strict=True))
    np.testing.assert_array_equal(np.stack(once.masks), np.stack(twice.masks))


def test_thousands_of_specks_all_go_but_those_that_are_near():
    rng = np.random.default_rng(0)
    noisy = HERE.copy()
    rows, columns = rng.integers(0, SIZE[0], 4000), rng.integers(0, SIZE[1], 4000)
    noisy[rows, columns] = 1
    found = run([HERE, noisy])[1]
    # The radius is the box's diagonal, of 14.1 pixels; specks touch, so only the kept are checked.
    y, x = np.nonzero(noisy)
    apart = np.hypot(
        np.maximum(np.maximum(20 - y, y - 29), 0), np.maximum(np.maximum(20 - x, x - 29), 0)
    )
    assert (found[y, x][apart <= 14.1] == 1).all()
    assert found.sum() < noisy.sum()
    components = Components.of(found > 0)
    reached = np.unique(components.labels[y[apart <= 14.1], x[apart <= 14.1]])
    assert set(range(1, len(components) + 1)) == set(reached.tolist()) - {0}


def test_components_of_a_part_of_the_frame_keep_their_places():
    # Far components that come back elsewhere: the candidate's place is that in the frame.
    found = run([HERE, NONE, FAR, FAR, FAR, mask(square((72, 128)))])
    np.testing.assert_array_equal(found[4], FAR)
    np.testing.assert_array_equal(found[5], mask(square((72, 128))))


@pytest.mark.parametrize("seed", range(6))
def test_pieces_within_the_radius_are_those_of_a_distance_transform(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = mask((*rng.integers(0, 80, 2), *rng.integers(2, 20, 2)))
    second = np.uint8(rng.random(SIZE) < rng.choice([0.002, 0.02, 0.3]))
    share = float(rng.uniform(0.01, 0.3))
    _, found = run([first, second], min_radius=share, object_radius=0.0, reacquire_after=9)

    radius = share * np.hypot(*SIZE)
    pieces, count = ndimage.label(second, np.ones((3, 3)))
    away = ndimage.distance_transform_edt(first == 0)
    near = [number for number in range(1, count + 1) if away[pieces == number].min() <= radius]
    np.testing.assert_array_equal(found != 0, np.isin(pieces, near))
