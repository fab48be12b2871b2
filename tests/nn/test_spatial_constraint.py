"""Spatial constraint: by hand, and what it must leave alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vostool.nn.spatial_constraint import SpatialConstraint, prior_of_masks


def by_hand(constraint: SpatialConstraint, features: torch.Tensor, prior: torch.Tensor):
    """One pair, pixel by pixel: features `[C][h][w]`, prior `[h][w]`, nested lists."""
    weight, bias = constraint.conv.weight[0].tolist(), float(constraint.conv.bias)
    maps = [*features.tolist(), prior.tolist()]
    height, width = prior.shape
    result = torch.zeros(features.shape)
    for y in range(height):
        for x in range(width):
            total = bias
            for c, plane in enumerate(maps):
                for dy in (-1, 0, 1):
                    for dx in (-1, 0, 1):
                        if 0 <= y + dy < height and 0 <= x + dx < width:
                            total += weight[c][dy + 1][dx + 1] * plane[y + dy][x + dx]
            passed = 1 / (1 + torch.exp(torch.tensor(-total)))
            result[:, y, x] = features[:, y, x] * passed
    return result


@torch.no_grad()
def test_constraint_is_that_of_the_definition() -> None:
    torch.manual_seed(0)
    constraint = SpatialConstraint(2)
    nn.init.normal_(constraint.conv.weight)
    features, prior = torch.randn(2, 2, 3, 4), torch.rand(2, 3, 4)
    result = constraint(features, prior)
    for pair in range(2):
        torch.testing.assert_close(
            result[pair], by_hand(constraint, features[pair], prior[pair]), atol=1e-5, rtol=1e-5
        )


@torch.no_grad()
def test_a_closed_constraint_stops_all_but_objects_without_a_prior() -> None:
    constraint = SpatialConstraint(2)
    nn.init.zeros_(constraint.conv.weight)
    nn.init.constant_(constraint.conv.bias, -100.0)
    features, prior = torch.randn(3, 2, 3, 4), torch.zeros(3, 3, 4)
    prior[1, 1, 2] = 1 / 256
    result = constraint(features, prior)
    assert torch.equal(result[0], features[0])
    assert result[1].abs().max() < 1e-6
    assert torch.equal(result[2], features[2])


@torch.no_grad()
def test_an_open_constraint_and_an_untrained_one() -> None:
    features, prior = torch.randn(1, 256, 3, 4), torch.rand(1, 3, 4)
    constraint = SpatialConstraint(256)
    assert sum(parameter.numel() for parameter in constraint.parameters()) == 2_314
    passed = constraint(torch.ones_like(features), prior)
    assert 0.8 < float(passed.min()) <= float(passed.max()) < 0.95
    nn.init.constant_(constraint.conv.bias, 100.0)
    torch.testing.assert_close(constraint(features, prior), features)


@torch.no_grad()
def test_prior_weight_lowers_what_passes_far_from_the_prior() -> None:
    prior = torch.zeros(1, 3, 9)
    prior[..., :5] = 1
    constraint = SpatialConstraint(4, prior_weight=2.0)
    passed = constraint(torch.ones(1, 4, 3, 9), prior)[0, 0, 1]
    expected = torch.sigmoid(torch.tensor(2.0 - 2.0))
    assert abs(float(passed[7] - expected)) < 0.02
    assert abs(float(passed[2] - torch.sigmoid(torch.tensor(2.0)))) < 0.02
    # At the prior's end, a third of the convolution's window is outside.
    assert float(passed[2]) > float(passed[4]) > float(passed[5]) > float(passed[7])


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        pytest.param([[0.6, 0.2], [0.1, 0.7]], [[1, 0], [0, 1]], id="likeliest"),
        pytest.param([[0.4, 0.2], [0.1, 0.3]], [[0, 0], [0, 0]], id="background is likelier"),
        pytest.param([[1.0, 0.0], [0.0, 0.0]], [[1, 0], [0, 0]], id="one-hot"),
        pytest.param([[0.0, 0.0], [0.0, 0.0]], [[0, 0], [0, 0]], id="all empty"),
    ],
)
def test_prior_is_the_written_mask(objects: list, expected: list) -> None:
    """Two objects over two 2 x 2 blocks of constant probability."""
    masks = torch.tensor(objects)[None, :, None, :].repeat_interleave(2, 2).repeat_interleave(2, 3)
    prior = prior_of_masks(masks, stride=2)
    assert torch.equal(prior, torch.tensor(expected).float()[None, :, None, :])


def test_one_pixel_is_enough_for_a_prior() -> None:
    masks = torch.zeros(1, 2, 32, 48)
    masks[0, 1, 17, 40] = 1
    prior = prior_of_masks(masks)
    assert prior.shape == (1, 2, 2, 3)
    assert prior[0, 0].max() == 0
    assert float(prior[0, 1, 1, 2]) == pytest.approx(1 / 256)
    assert prior_of_masks(masks[:, :0]).shape == (1, 0, 2, 3)
