"""Putting given masks into predictions."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vostool.core.types import ObjectIds
from vostool.inference.given import Cast, override, with_new_rows


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), st.integers(1, 4), st.data())
def test_override_against_its_rules(seed, count, data):
    generator = torch.Generator().manual_seed(seed)
    before = torch.softmax(4 * torch.randn(count + 1, 5, 6, generator=generator), 0)
    rows = sorted(data.draw(st.sets(st.integers(1, count), min_size=1)))
    owner = torch.randint(-2, len(rows), (5, 6), generator=generator)
    planes = torch.stack([(owner == k).float() for k in range(len(rows))])
    after = override(before, planes, rows)
    assert torch.allclose(after.sum(0), torch.ones(5, 6), atol=1e-5)
    assert torch.equal(after[rows], planes)
    covered = owner >= 0
    others = [k for k in range(count + 1) if k not in rows]
    assert not after[others][:, covered].any()
    if others[1:]:
        ratio = before[others] / before[others].sum(0)
        assert torch.allclose(after[others][:, ~covered], ratio[:, ~covered], atol=1e-4)


def test_override_where_only_the_given_object_was_predicted():
    before = torch.tensor([0.0, 1.0])[:, None, None]
    assert override(before, torch.zeros(1, 1, 1), [1])[:, 0, 0].tolist() == [1, 0]


def test_new_rows_change_nothing_outside_the_given_mask():
    before = torch.softmax(torch.randn(2, 3, 4, 4), 1)
    grown = with_new_rows(before, 3)
    assert grown.shape == (2, 4, 4, 4)
    mask = torch.zeros(2, 1, 4, 4)
    mask[..., 0, 0] = 1
    after = override(grown, mask, [3])
    assert torch.equal(after[:, :3, 1:], before[..., 1:, :])


def test_cast_keeps_order_of_appearance_and_answers_in_order_of_ids():
    cast = Cast(ObjectIds((2, 5, 9)))
    assert cast.enter(None, 0) == []
    assert cast.enter(np.array([[9, 0, 4]], np.uint8), 0) == [1]
    assert cast.enter(np.array([[2, 9, 0]], np.uint8), 3) == [1, 2]
    assert cast.rows == [9, 2]
    assert cast.starts == [0, 3]
    ordered = cast.in_id_order(torch.tensor([0.5, 0.3, 0.2])[:, None, None])
    assert torch.allclose(ordered[:, 0, 0], torch.tensor([0.5, 0.2, 0.0, 0.3]))
