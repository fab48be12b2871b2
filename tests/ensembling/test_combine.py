"""Combining predictions of one frame against loops."""

from __future__ import annotations

import numpy as np
import pytest

from vostool.ensembling.combine import combine_probabilities, combine_votes


def _planes(rng, members, labels=4, size=(7, 9)):
    logits = rng.normal(size=(members, labels, *size)) * 2
    soft = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return list(np.rint(soft * 255).astype(np.uint8))


@pytest.mark.parametrize("weights", [[1, 1, 1], [2, 2, 2], [3, 1, 0.5], [0, 1, 0]])
def test_mean(rng, weights):
    planes = _planes(rng, 3)
    masks = [volume.argmax(0).astype(np.uint8) for volume in planes]
    labels, mean = combine_probabilities(planes, masks, weights)
    expected = np.average(np.stack(planes).astype(float), axis=0, weights=weights)
    assert np.abs(mean - expected).max() <= 0.5 + 1e-9
    top = np.sort(expected, 0)
    sure = top[-1] - top[-2] > 1e-6
    assert np.array_equal(labels[sure], expected.argmax(0)[sure])
    assert labels.dtype == mean.dtype == np.uint8


def test_one_member_gives_itself_even_where_its_bytes_tie(rng):
    planes = _planes(rng, 1)
    planes[0][:, 0, 0] = 64
    mask = planes[0].argmax(0).astype(np.uint8)
    mask[0, 0] = 3
    labels, mean = combine_probabilities(planes, [mask], [1.0])
    assert np.array_equal(labels, mask)
    assert np.array_equal(mean, planes[0])


@pytest.mark.parametrize("weights", [[1, 1, 1, 1], [2, 1, 1, 1]])
def test_votes(rng, weights):
    masks = [rng.integers(0, 3, (8, 8)).astype(np.uint8) for _ in range(4)]
    labels = combine_votes(masks, weights, 3)
    for y in range(8):
        for x in range(8):
            named = [int(mask[y, x]) for mask in masks]
            votes = [sum(w for w, n in zip(weights, named) if n == k) for k in range(3)]
            winners = [k for k in range(3) if votes[k] == max(votes)]
            assert labels[y, x] == next(name for name in named if name in winners)


def test_tied_votes_go_to_the_higher_mean_probability():
    masks = [np.array([[1]], np.uint8), np.array([[2]], np.uint8)]
    planes = [np.array(item, np.uint8)[:, None, None] for item in ((0, 130, 125), (5, 10, 240))]
    assert combine_votes(masks, [1, 1], 3).tolist() == [[1]]
    assert combine_votes(masks, [1, 1], 3, planes).tolist() == [[2]]
    assert combine_votes(masks, [2, 1], 3, planes).tolist() == [[1]]
