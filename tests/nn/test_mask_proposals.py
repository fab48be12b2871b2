"""Proposals without learning: hand-made masks, and their recall on moved objects."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vostool.nn.mask_proposals import (
    components,
    moved_masks,
    overlap_matrix,
    propose,
    suppress,
    tight_boxes,
    unions,
)


def rectangle(y0: int, x0: int, y1: int, x1: int, size: tuple[int, int] = (30, 40)) -> torch.Tensor:
    mask = torch.zeros(size, dtype=torch.bool)
    mask[y0:y1, x0:x1] = True
    return mask


def test_boxes_are_tight_and_empty_masks_have_none():
    masks = torch.stack([rectangle(3, 5, 9, 17), rectangle(0, 0, 0, 0), rectangle(29, 39, 30, 40)])
    assert tight_boxes(masks).tolist() == [[5, 3, 17, 9], [0, 0, 0, 0], [39, 29, 40, 30]]


def test_a_mask_is_moved_by_shares_of_its_box_and_resized_about_its_centre():
    moved = moved_masks(rectangle(10, 10, 20, 30)[None])
    boxes = {tuple(box) for box in tight_boxes(moved).tolist()}
    assert len(moved) == 51
    assert (10, 10, 30, 20) in boxes
    assert (16, 13, 36, 23) in boxes  # 0.3 of 20 to the right, 0.3 of 10 down
    assert (13, 10, 33, 20) in boxes  # 0.15 to the right
    assert any(x1 - x0 == 17 and y1 - y0 in (8, 9) for x0, y0, x1, y1 in boxes)  # 0.85
    assert any(x1 - x0 == 23 and y1 - y0 in (11, 12) for x0, y0, x1, y1 in boxes)  # 1.15


def test_components_of_each_level():
    readout = torch.zeros(1, 10, 10)
    readout[0, 1:4, 1:4] = 0.6
    readout[0, 6:9, 6:9] = 0.4
    readout[0, 0, 9] = 0.9  # too small
    assert sorted(int(mask.sum()) for mask in components(readout)) == [9, 9, 9]


def test_parts_of_one_object_are_united():
    left, right = rectangle(5, 5, 15, 12), rectangle(5, 14, 15, 21)
    found = unions(torch.stack([left, right]), rectangle(5, 5, 15, 21)[None], torch.ones(30, 40))
    assert len(found) == 1
    assert torch.equal(found[0], left | right)


def naive_overlap(one: torch.Tensor, other: torch.Tensor) -> float:
    union = (one | other).sum().item()
    return (one & other).sum().item() / union if union else 0.0


@given(seed=st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_overlaps_and_suppression_follow_their_definitions(seed):
    generator = torch.Generator().manual_seed(seed)
    masks = torch.rand(9, 6, 7, generator=generator) > 0.3
    scores = torch.rand(9, generator=generator)
    matrix = overlap_matrix(masks, masks)
    for i in range(9):
        for j in range(9):
            assert matrix[i, j].item() == pytest.approx(naive_overlap(masks[i], masks[j]), abs=1e-6)
    kept = suppress(masks, scores, 0.55, 5).tolist()
    expected: list[int] = []
    for index in scores.argsort(descending=True).tolist():
        alike = any(naive_overlap(masks[index], masks[other]) > 0.55 for other in expected)
        if not alike and len(expected) < 5:
            expected.append(index)
    assert kept == expected


@pytest.mark.parametrize(("dy", "dx"), [(0, 0), (2, -3), (-3, 4), (0, 5)])
def test_an_object_that_moved_a_little_is_proposed(dy: int, dx: int):
    before, now = rectangle(8, 10, 20, 26), rectangle(8 + dy, 10 + dx, 20 + dy, 26 + dx)
    found = propose(before[None].float(), now[None].float() * 0.8)
    assert len(found) <= 50
    assert overlap_matrix(found.masks, now[None]).max() > 0.75
    assert (found.scores.diff() <= 0).all()


def test_nothing_is_proposed_where_nothing_is_known():
    nothing = torch.zeros(2, 12, 12)
    found = propose(nothing, nothing)
    assert len(found) == 0
    assert found.boxes.shape == (0, 4)


def test_an_object_that_left_comes_back_by_what_memory_reads():
    readout = torch.zeros(1, 30, 40)
    readout[0, 4:10, 4:10] = 0.9
    found = propose(torch.zeros(1, 30, 40), readout)
    assert torch.equal(found.masks[0], rectangle(4, 4, 10, 10))
