"""Refinement: its size, the start at zero, and its definition."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vostool.nn.refinement import Refinement


def plainly(module: Refinement, z: torch.Tensor) -> torch.Tensor:
    """Written down level by level, for sizes that are multiples of 16."""
    a0 = module.enter(z).relu()
    a1 = module.down[0](a0).relu()
    a2 = module.down[1](a1).relu()
    a3 = module.down[2](a2).relu()
    bridge = module.bridge(module.down[3](a3).relu()).relu()

    def up(index: int, coarse: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
        larger = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
        return module.up[index](torch.cat([larger, fine], 1)).relu()

    b0 = up(3, up(2, up(1, up(0, bridge, a3), a2), a1), a0)
    return z + module.leave(b0)


def trained(channels: int) -> Refinement:
    torch.manual_seed(0)
    module = Refinement(channels)
    nn.init.normal_(module.leave.weight, std=0.1)
    nn.init.normal_(module.leave.bias)
    return module


def test_number_of_parameters() -> None:
    assert sum(parameter.numel() for parameter in Refinement().parameters()) == 482_178


@pytest.mark.parametrize("size", [(32, 48), (33, 47), (5, 90)])
def test_untrained_it_changes_nothing(size: tuple[int, int]) -> None:
    logits = torch.randn(2, 2, *size)
    assert torch.equal(Refinement(8)(logits), logits)


def test_it_is_what_its_definition_says_with_and_without_gradient() -> None:
    module, logits = trained(8), torch.randn(3, 2, 32, 48)
    expected = plainly(module, logits)
    torch.testing.assert_close(module(logits), expected, atol=1e-5, rtol=1e-5)
    with torch.no_grad():
        torch.testing.assert_close(module(logits), expected, atol=1e-5, rtol=1e-5)
    with torch.inference_mode():
        before = logits.clone()
        torch.testing.assert_close(module(logits), expected, atol=1e-5, rtol=1e-5)
        assert torch.equal(logits, before)


def test_any_size_comes_back() -> None:
    assert trained(4)(torch.randn(1, 2, 50, 81)).shape == (1, 2, 50, 81)


def test_it_can_begin_to_learn() -> None:
    module = Refinement(4)
    module(torch.randn(1, 2, 32, 32)).square().sum().backward()
    assert float(module.leave.weight.grad.abs().max()) > 0
