"""Optimisers, parameter groups and frozen statistics."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vostool.core.errors import UsageError
from vostool.nn.trunk import Trunk
from vostool.nn.trunk_options import TrunkOptions
from vostool.training.config import OptimiserOptions
from vostool.training.optimisation.optimiser import (
    build_optimiser,
    gradient_norm,
    set_learning_rate,
    split_parameters,
    train_mode,
)


class TrunkAndHead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        options = TrunkOptions(layers=(1, 1, 1, 1), channels=(4, 4, 4, 4))
        self.encoder = Trunk("resnet18", 1, "none", options)
        self.head = nn.Conv2d(4, 2, 1)


def test_trunk_and_rest_share_out_all_parameters_and_mask_convolutions_are_new() -> None:
    model = TrunkAndHead()
    trunk, rest = split_parameters(model)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert len(trunk) + len(rest) == len(names)
    assert {names[id(p)] for p in rest if "encoder" not in names[id(p)]} == {
        "head.weight",
        "head.bias",
    }
    mask = [names[id(p)] for p in rest if "encoder" in names[id(p)]]
    assert len(mask) == 1
    assert model.get_parameter(mask[0]).shape[1] == 1


def test_frozen_parameters_are_left_out() -> None:
    model = TrunkAndHead()
    model.head.bias.requires_grad_(False)
    assert all(p is not model.head.bias for p in split_parameters(model)[1])


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_head_multiplier_and_schedule_apply_per_group(name: str) -> None:
    options = OptimiserOptions(name=name, learning_rate=1e-3, head_multiplier=10.0)
    optimiser = build_optimiser(TrunkAndHead(), options)
    assert set_learning_rate(optimiser, 0.5) == pytest.approx(5e-4)
    assert [group["lr"] for group in optimiser.param_groups] == pytest.approx([5e-4, 5e-3])
    assert set_learning_rate(optimiser, 1.0) == pytest.approx(1e-3)


def test_gradients_are_scaled_to_the_limit() -> None:
    parameter = nn.Parameter(torch.zeros(2))
    parameter.grad = torch.tensor([3.0, 4.0])
    assert gradient_norm([parameter], None) == pytest.approx(5.0)
    assert gradient_norm([parameter], 1.0) == pytest.approx(5.0)
    assert parameter.grad.norm() == pytest.approx(1.0, rel=1e-4)


def test_train_mode_keeps_statistics_frozen_and_dropout_on() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout(0.5))
    before = model[1].running_mean.clone()
    train_mode(model)
    model(torch.randn(2, 3, 4, 4) + 5)
    assert torch.equal(model[1].running_mean, before)
    assert not model[1].training
    assert model[2].training
    assert model[1].weight.requires_grad


def test_nesterov_looks_ahead() -> None:
    steps = {}
    for nesterov in (False, True):
        layer = nn.Linear(1, 1, bias=False)
        nn.init.ones_(layer.weight)
        options = OptimiserOptions(name="sgd", learning_rate=0.1, momentum=0.5, nesterov=nesterov)
        optimiser = build_optimiser(layer, options)
        layer.weight.grad = torch.ones_like(layer.weight)
        optimiser.step()
        steps[nesterov] = float(1 - layer.weight.detach())
    assert steps == pytest.approx({False: 0.1, True: 0.15})
    with pytest.raises(ValueError, match="sgd with momentum"):
        OptimiserOptions(name="adam", nesterov=True)


@pytest.mark.parametrize(
    ("stride", "kept"),
    [
        (4, {"conv1", "bn1", "layer1"}),
        (8, {"conv1", "bn1", "layer1", "layer2"}),
        (16, {"conv1", "bn1", "layer1", "layer2", "layer3"}),
    ],
)
def test_first_stages_keep_their_weights_and_masks_are_learnt_all_the_same(
    stride: int, kept: set[str]
) -> None:
    model = TrunkAndHead()
    before = {name: value.clone() for name, value in model.named_parameters()}
    options = OptimiserOptions(name="sgd", learning_rate=1.0, frozen_stride=stride)
    optimiser = build_optimiser(model, options)
    train_mode(model)
    images, masks = torch.rand(1, 3, 64, 64), torch.rand(1, 1, 64, 64)
    seen = model.encoder(images, masks, torch.zeros(1, dtype=torch.long))
    (sum(level.square().sum() for level in seen) + model.head(seen[0]).sum()).backward()
    optimiser.step()
    frozen = {name for name, value in model.named_parameters() if not value.requires_grad}
    assert {name.split(".")[2] for name in frozen} == kept
    assert all(torch.equal(model.get_parameter(name), before[name]) for name in frozen)
    (mask,) = (name for name in before if ".masks." in name)
    assert mask not in frozen
    assert not torch.equal(model.get_parameter(mask), before[mask])


def test_a_trunk_without_the_stride_is_told() -> None:
    class Coarse(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.trunk = Trunk("resnet18", strides=(8, 16))

    with pytest.raises(UsageError, match="frozen_stride: no feature at stride 4"):
        build_optimiser(Coarse(), OptimiserOptions(frozen_stride=4))
