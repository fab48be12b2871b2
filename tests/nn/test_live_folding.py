"""BatchNorm folded while training: the same results and gradients, and nothing left behind."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from vostool.nn import trunk as module
from vostool.nn.folding import freeze_statistics
from vostool.nn.live_folding import folded_live, pairs_to_fold
from vostool.nn.trunk import Trunk
from vostool.nn.trunk_options import TrunkOptions

SMALL_RESNET = TrunkOptions(layers=(1, 1, 1, 1), channels=(8, 8, 16, 16))
TRUNKS = [
    pytest.param("mobilenetv2_035", TrunkOptions(pad_type="same"), id="mobilenet-same"),
    pytest.param("mobilenetv2_035", TrunkOptions(), id="mobilenet"),
    pytest.param("resnet18", SMALL_RESNET, id="resnet"),
]


def trained(name: str, options: TrunkOptions) -> Trunk:
    """In float64, with statistics and factors as a training leaves them."""
    torch.manual_seed(0)
    trunk = Trunk(name, 1, options=options).double().train()
    freeze_statistics(trunk)
    for norm in trunk.modules():
        if isinstance(norm, _BatchNorm):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias)
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
    return trunk


def gradients(trunk: Trunk) -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)).double()
    trunk.zero_grad()
    features = trunk(images, images[:, :1], torch.arange(2))
    sum(feature.square().mean() for feature in features).backward()
    return features, {name: value.grad.clone() for name, value in trunk.named_parameters()}


@pytest.mark.parametrize(("name", "options"), TRUNKS)
def test_gradients_are_those_without_folding(
    name: str, options: TrunkOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk = trained(name, options)
    before = {name: value.clone() for name, value in trunk.state_dict().items()}
    torch.manual_seed(5)
    features, found = gradients(trunk)
    state = torch.get_rng_state()
    torch.manual_seed(5)
    assert torch.equal(state, torch.get_rng_state()), "looking for pairs draws nothing"
    folded = len(trunk._folded_in_training())
    norms = sum(isinstance(part, _BatchNorm) for part in trunk.modules())
    assert folded >= norms - 1  # the masks' stem is followed by one that stays
    monkeypatch.setattr(trunk, "_pairs", ())
    plain, expected = gradients(trunk)
    for one, other in zip(features, plain, strict=True):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-12)
    assert found.keys() == expected.keys()
    for key in expected:
        scale = expected[key].abs().max()
        assert (found[key] - expected[key]).abs().max() <= 1e-9 * scale, key
    after = trunk.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[key], before[key]) for key in before)
    assert not any("forward" in vars(part) or "weight" in vars(part) for part in trunk.modules())


def test_a_copy_folds_its_own_layers() -> None:
    trunk = trained("resnet18", SMALL_RESNET)
    _, first = gradients(trunk)
    other = copy.deepcopy(trunk)
    with torch.no_grad():
        for value in other.parameters():
            value.mul_(1.5)
    _, second = gradients(trunk)
    assert all(torch.equal(first[name], second[name]) for name in first)
    _, third = gradients(other)
    assert any(not torch.allclose(first[name], third[name]) for name in first)


class Shuffled(nn.Module):
    """Its BatchNorm is listed after a convolution, and runs before it."""

    def __init__(self, in_order: bool) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
        self.norm.running_mean.normal_()
        self.in_order = in_order

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.conv(x)) if self.in_order else self.conv(self.norm(x))


@pytest.mark.parametrize("in_order", [True, False])
def test_layers_that_run_in_another_order_stay(in_order: bool) -> None:
    torch.manual_seed(0)
    net, probe = Shuffled(in_order).train(), torch.randn(1, 4, 5, 5)
    pairs = pairs_to_fold(net, lambda: [net(probe)])
    assert len(pairs) == in_order
    assert net.training and net.norm.training
    assert net.norm.num_batches_tracked == 0


def test_statistics_that_are_not_frozen_are_never_folded() -> None:
    trunk = trained("resnet18", SMALL_RESNET)
    nn.Module.train(trunk)
    assert trunk._folded_in_training() == ()


def test_an_error_inside_leaves_the_layers_as_they_were() -> None:
    net = Shuffled(True).eval()
    with pytest.raises(RuntimeError), folded_live([(net.conv, net.norm)]):
        net(torch.zeros(1, 9, 5, 5))
    assert isinstance(net.conv.weight, nn.Parameter)
    assert "forward" not in vars(net.norm)
    assert module.folded_live is folded_live
