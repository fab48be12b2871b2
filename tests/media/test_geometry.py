"""Geometry against its inverses and hand-computed sizes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vostool.media import geometry

sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


@settings(max_examples=50, deadline=None)
@given(sizes, st.sampled_from([1, 4, 16, 32]), st.integers(0, 99))
def test_pad_and_unpad_are_inverse_and_reach_the_next_multiple(size, stride, seed):
    image = torch.rand(3, *size, generator=torch.Generator().manual_seed(seed))
    padding = geometry.padding_to_multiple(*size, stride)
    padded = geometry.pad(image, padding)
    assert [n % stride for n in padded.shape[-2:]] == [0, 0]
    assert all(p - n < stride for p, n in zip(padded.shape[-2:], size))
    assert 0 <= padding.bottom - padding.top <= 1
    assert 0 <= padding.right - padding.left <= 1
    assert torch.equal(geometry.unpad(padded, padding), image)
    assert padded.sum() == pytest.approx(image.sum().item(), rel=1e-5)


def test_padding_of_a_davis_frame():
    assert geometry.padding_to_multiple(480, 854, 16) == geometry.Padding(0, 0, 5, 5)
    assert geometry.padding_to_multiple(50, 81, 16) == geometry.Padding(7, 7, 7, 8)


def test_negative_padding_is_refused():
    with pytest.raises(ValueError, match="negative"):
        geometry.Padding(top=-1)


@pytest.mark.parametrize(
    ("value", "stride", "expected"),
    [(480, 16, 480), (360, 16, 368), (359, 16, 352), (854, 16, 848), (3, 16, 16), (576, 16, 576)],
)
def test_nearest_multiple(value, stride, expected):
    assert geometry.nearest_multiple(value, stride) == expected


def test_sizes_of_one_pixel_more_than_a_multiple():
    assert [geometry.nearest_multiple(v, 16, 1) for v in (480, 465, 473.5, 3)] == [
        481,
        465,
        481,
        17,
    ]
    assert geometry.padding_to_multiple(480, 854, 16, 1) == geometry.Padding(0, 1, 5, 6)
    assert geometry.padding_to_multiple(481, 865, 16, 1) == geometry.Padding()


@pytest.mark.parametrize("size", [(17, 33), (5, 9), (9, 33)])
def test_aligned_resizing_keeps_corners_and_points_between_in_place(size):
    rows, columns = torch.meshgrid(torch.arange(9.0), torch.arange(17.0), indexing="ij")
    plane = (3 * rows + columns)[None]
    places = [torch.linspace(0, old - 1, new) for old, new in zip((9, 17), size, strict=True)]
    expected = 3 * places[0][:, None] + places[1]
    inside = (0, slice(1, -1), slice(1, -1))
    soft = geometry.resize_soft(plane, size, aligned=True)
    torch.testing.assert_close(soft[0], expected)
    image = geometry.resize_image(plane, size, aligned=True)
    torch.testing.assert_close(image[inside], expected[1:-1, 1:-1])
    nearest = geometry.resize_nearest(plane, size, aligned=True)
    corners = (0, slice(None, None, size[0] - 1), slice(None, None, size[1] - 1))
    assert torch.equal(nearest[corners], soft[corners])
    assert torch.equal(geometry.resize_nearest(nearest, size, aligned=True), nearest)


def test_an_aligned_image_is_low_passed_when_it_shrinks():
    checker = (torch.arange(65)[:, None] + torch.arange(65)[None]).remainder(2).float()[None]
    small = geometry.resize_image(checker, (17, 17), aligned=True)
    assert torch.allclose(small, torch.full_like(small, 0.5), atol=0.08)
    assert geometry.resize_soft(checker, (17, 17), aligned=True).max() < 0.01


def test_flip_is_its_own_inverse_and_mirrors_columns():
    row = torch.arange(5.0).expand(2, 3, 5)
    assert geometry.flip(row)[0, 0].tolist() == [4, 3, 2, 1, 0]
    assert torch.equal(geometry.flip(geometry.flip(row)), row)


@settings(max_examples=30, deadline=None)
@given(sizes, sizes)
def test_soft_resize_keeps_probabilities_summing_to_one(size, other):
    planes = torch.softmax(3 * torch.randn(4, *size), 0)
    resized = geometry.resize_soft(planes, other)
    assert resized.shape == (4, *other)
    assert torch.allclose(resized.sum(0), torch.ones(other), atol=1e-5)


def test_soft_resize_commutes_with_flip_and_keeps_a_ramp_in_place():
    ramp = torch.linspace(0, 1, 32)[None].expand(1, 16, 32).contiguous()
    half = geometry.resize_soft(ramp, (8, 16))
    assert torch.allclose(
        geometry.flip(half), geometry.resize_soft(geometry.flip(ramp), (8, 16)), atol=1e-6
    )
    back = geometry.resize_soft(half, (16, 32))
    assert torch.allclose(back[..., 1:-1], ramp[..., 1:-1], atol=1e-5)


def test_image_resize_low_passes_when_it_shrinks():
    checker = (torch.arange(64)[:, None] + torch.arange(64)[None]).remainder(2).float()[None]
    small = geometry.resize_image(checker, (16, 16))
    assert torch.allclose(small, torch.full_like(small, 0.5), atol=0.05)


def test_one_hot_resize_stays_disjoint_and_keeps_tiny_objects():
    planes = torch.zeros(2, 64, 64)
    planes[0, 8:40, 8:40] = 1
    planes[0, 21, 21] = 0
    planes[1, 21, 21] = 1
    small = geometry.resize_one_hot(planes, (8, 8))
    assert small.unique().tolist() == [0, 1]
    assert small.sum(0).max() == 1
    assert small[1].sum() == 1
    assert small[1, 2, 2] == 1
    assert small[0].sum() == 15


def test_one_hot_resize_of_an_empty_object_stays_empty():
    assert geometry.resize_one_hot(torch.zeros(1, 8, 8), (4, 4)).sum() == 0
