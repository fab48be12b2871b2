"""1x1 convolutions as matrix products: the same values and gradients."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vostool.nn.pointwise import is_pointwise, pointwise


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_values_and_gradients_are_those_of_the_convolution(layout: torch.memory_format) -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = [(2, 5, 6, 7), (4, 5, 1, 1), (4,)]
    given = [torch.randn(shape, generator=generator) for shape in shapes]
    given[0] = given[0].contiguous(memory_format=layout)
    outside = torch.randn(2, 4, 6, 7, generator=generator)
    found = []
    for run in (F.conv2d, pointwise):
        inputs = [value.clone().requires_grad_() for value in given]
        result = run(*inputs)
        activated = result.clamp_(-1, 1)  # in place, as activations are
        gradients = torch.autograd.grad(activated, inputs, outside)
        found.append([activated.detach(), *gradients])
    for expected, value in zip(*found, strict=True):
        torch.testing.assert_close(value, expected, atol=1e-5, rtol=1e-5)


def test_what_is_frozen_gets_no_gradient() -> None:
    x, weight = torch.randn(1, 3, 4, 4), torch.randn(2, 3, 1, 1)
    bias = torch.zeros(2, requires_grad=True)
    pointwise(x, weight, bias).sum().backward()
    assert bias.grad is not None and bias.grad.tolist() == [16, 16]
    assert not pointwise(x, weight, bias.detach()).requires_grad


@pytest.mark.parametrize(
    ("conv", "expected"),
    [
        (nn.Conv2d(4, 6, 1), True),
        (nn.Conv2d(4, 6, 1, stride=2), False),
        (nn.Conv2d(4, 6, 1, padding=1), False),
        (nn.Conv2d(4, 4, 1, groups=4), False),
        (nn.Conv2d(4, 6, 3), False),
    ],
)
def test_which_convolutions_are_products(conv: nn.Conv2d, expected: bool) -> None:
    assert is_pointwise(conv) == expected
