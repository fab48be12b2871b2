"""Quantisation and averaging against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vostool.predictions import average, quantise


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=20))
def test_quantisation_is_within_half_a_step_and_the_same_for_both_libraries(values):
    array = np.array(values, np.float32)
    planes = quantise.to_uint8(array)
    assert np.array_equal(planes, quantise.to_uint8(torch.from_numpy(array)))
    assert np.abs(quantise.from_uint8(planes) - array).max() <= quantise.STEP / 2 + 1e-6
    assert np.array_equal(quantise.to_uint8(quantise.from_uint8(planes)), planes)


def test_quantisation_rounds_and_clips():
    assert quantise.to_uint8(np.array([-0.1, 0, 0.0019, 0.002, 0.9981, 1, 2])).tolist() == [
        0, 0, 0, 1, 255, 255, 255,
    ]  # fmt: skip


def test_running_mean_is_the_weighted_mean(rng):
    volumes = rng.random((4, 3, 5, 6)).astype(np.float32)
    weights = [1.0, 2.0, 0.5, 0.0]
    arrays, tensors = average.RunningMean[np.ndarray](), average.RunningMean[torch.Tensor]()
    for volume, weight in zip(volumes, weights):
        arrays.add(volume, weight)
        tensors.add(torch.from_numpy(volume.copy()), weight)
    expected = np.average(volumes, axis=0, weights=weights)
    assert np.allclose(arrays.mean(), expected, atol=1e-6)
    assert np.allclose(tensors.mean().numpy(), expected, atol=1e-6)


def test_running_mean_leaves_its_members_alone_and_refuses_other_shapes():
    first = np.ones((2, 2))
    running = average.RunningMean[np.ndarray]()
    running.add(first)
    running.add(np.zeros((2, 2)))
    assert first.sum() == 4
    with pytest.raises(ValueError, match="cannot average"):
        running.add(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="mean of nothing"):
        average.RunningMean[np.ndarray]().mean()


def test_best_label_against_a_loop(rng):
    scores = rng.integers(0, 3, (4, 9, 9)).astype(np.int32)
    second = rng.integers(0, 3, (4, 9, 9)).astype(np.uint16)
    third = rng.random((4, 9, 9))
    third[third < 0.5] = 0
    labels = average.best_label(scores, second, third)
    assert labels.dtype == np.uint8
    for y in range(9):
        for x in range(9):
            ranked = [(scores[k, y, x], second[k, y, x], third[k, y, x], -k) for k in range(4)]
            assert labels[y, x] == max(range(4), key=lambda k: ranked[k])


def test_count_votes():
    masks = [np.array([[0, 1]], np.uint8), np.array([[2, 1]], np.uint8)]
    assert average.count_votes(masks, 3)[:, 0].tolist() == [[1, 0], [0, 2], [1, 0]]
