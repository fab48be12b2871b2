"""largest-component, drop-small and fill-holes, against scipy and by hand."""

from __future__ import annotations

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from vostool.core.types import ObjectIds
from vostool.postprocess.chain import parse_steps, step_names
from vostool.postprocess.sequence import FrameEdit, MaskSequence
from vostool.postprocess.steps import drop_small, fill_holes, largest_component

EIGHT = np.ones((3, 3))
MASKS = arrays.arrays(np.uint8, (9, 11), elements=st.sampled_from([0, 0, 1, 1, 3]))


def sequence(*masks, planes=None, given=None) -> MaskSequence:
    frames = tuple(FrameEdit(mask) for mask in masks)
    none: tuple[frozenset[int], ...] = (frozenset(),) * len(masks)
    return MaskSequence(frames, ObjectIds.of((1, 3)), given or none, planes)


def sized_components(mask: np.ndarray, object_id: int) -> list[np.ndarray]:
    labels, count = ndimage.label(mask == object_id, EIGHT)
    return [labels == label for label in range(1, count + 1)]


@settings(max_examples=60, deadline=None)
@given(MASKS)
def test_largest_component_keeps_one_of_the_largest(mask):
    found = largest_component.apply(sequence(mask), largest_component.Params()).masks[0]
    for object_id in (1, 3):
        before, after = sized_components(mask, object_id), sized_components(found, object_id)
        assert len(after) == min(len(before), 1)
        if before:
            assert after[0].sum() == max(part.sum() for part in before)
            assert any((after[0] == part).all() for part in before)
    assert ((found == mask) | (found == 0)).all()


@settings(max_examples=60, deadline=None)
@given(MASKS, st.integers(1, 8), st.booleans())
def test_drop_small_against_scipy(mask, min_area, keep_largest):
    params = drop_small.Params(min_area=min_area, keep_largest=keep_largest)
    found = drop_small.apply(sequence(mask), params).masks[0]
    for object_id in (1, 3):
        parts = sized_components(mask, object_id)
        areas = [int(part.sum()) for part in parts]
        wanted = sum(area for area in areas if area >= min_area)
        if keep_largest and areas and max(areas) < min_area:
            wanted = max(areas)
        assert int((found == object_id).sum()) == wanted


@settings(max_examples=60, deadline=None)
@given(arrays.arrays(np.uint8, (9, 11), elements=st.sampled_from([0, 1])))
def test_fill_holes_of_one_object_is_scipys(mask):
    found = fill_holes.apply(sequence(mask), fill_holes.Params(max_area=0)).masks[0]
    np.testing.assert_array_equal(found, ndimage.binary_fill_holes(mask))


def ring(inside: int = 0) -> np.ndarray:
    mask = np.zeros((12, 12), np.uint8)
    mask[2:9, 2:9] = 1
    mask[4:7, 4:7] = 0
    mask[5, 5] = inside
    return mask


@pytest.mark.parametrize(
    ("mask", "max_area", "filled"),
    [(ring(), 9, 9), (ring(), 8, 0), (ring(), 0, 9), (ring(inside=3), 0, 0), (ring(1), 0, 8)],
)
def test_which_holes_are_filled(mask, max_area, filled):
    found = fill_holes.apply(sequence(mask), fill_holes.Params(max_area=max_area)).masks[0]
    assert int((found != mask).sum()) == filled


def test_given_objects_are_left_alone():
    mask = ring()
    mask[11, 11] = 1
    given_ids = (frozenset({1}),)
    for step in parse_steps(["fill-holes", "drop-small", "largest-component"]):
        np.testing.assert_array_equal(step(sequence(mask, given=given_ids)).masks[0], mask)
    assert (parse_steps(["drop-small"])[0](sequence(mask)).masks[0] != mask).any()


def test_removed_pixels_never_go_to_a_given_object():
    mask = np.zeros((12, 12), np.uint8)
    mask[0:8, 0:8], mask[10, 10] = 1, 1
    planes = np.zeros((3, 12, 12), np.uint8)
    planes[1], planes[2] = 150, 100  # object 3 is everywhere the runner-up
    read = (planes, ObjectIds.of((1, 3)))
    params = drop_small.Params()
    free = drop_small.apply(sequence(mask, planes=lambda index: read), params)
    assert free.masks[0][10, 10] == 3
    held = sequence(mask, planes=lambda index: read, given=(frozenset({3}),))
    assert drop_small.apply(held, params).masks[0][10, 10] == 0


@pytest.mark.parametrize("name", [name for name in step_names() if name != "keep-near-last"])
@settings(max_examples=30, deadline=None)
@given(mask=MASKS, planes=arrays.arrays(np.uint8, (3, 9, 11)))
def test_every_step_is_idempotent_with_and_without_probabilities(name, mask, planes):
    step = parse_steps([name])[0]
    for read in (None, lambda index: (planes, ObjectIds.of((1, 3)))):
        once = step(sequence(mask, planes=read))
        np.testing.assert_array_equal(step(once).masks[0], once.masks[0])
        again = step(sequence(once.masks[0], planes=None))
        np.testing.assert_array_equal(again.masks[0], once.masks[0])
