"""The pyramid on top of a trunk: at first the plain trunk, its size, folding, gradients."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vostool.core.errors import UsageError
from vostool.core.types import Clip
from vostool.models.systems import famnet, stm
from vostool.nn.folding import folded
from vostool.nn.mask_stem import MaskStem
from vostool.nn.refine_trunk import RefineTrunk
from vostool.nn.trunk import Trunk
from vostool.nn.trunk_options import TrunkOptions

STRIDES = (4, 8, 16, 32)
BACKBONES = [
    ("resnet18", {"layers": [1, 1, 1, 1], "channels": [8, 8, 16, 16]}),
    ("mobilenetv2_035", {"pad_type": "same"}),
]
NAMES = [name for name, _ in BACKBONES]
NETWORK = {
    "backbone": BACKBONES[0][0],
    "backbone_options": BACKBONES[0][1],
    "key_channels": 4,
    "value_channels": 8,
    "decoder_channels": 8,
}


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def pair(name: str, options: dict, masks: int = 0) -> tuple[Trunk, RefineTrunk]:
    """A plain and a refined trunk with equal weights."""
    torch.manual_seed(0)
    chosen = TrunkOptions(**options)
    refined = RefineTrunk(Trunk(name, masks, options=chosen, strides=STRIDES), 16).eval()
    plain = Trunk(name, masks, options=chosen).eval()
    _, unexpected = plain.load_state_dict(refined.trunk.state_dict(), strict=False)
    # What is left over belongs to the stage that the plain trunk does not have.
    assert unexpected
    return plain, refined


def wake(refined: RefineTrunk) -> None:
    """Give the projections weights, as training would."""
    for conv in refined.project:
        nn.init.normal_(conv.weight, std=0.1)


@pytest.mark.parametrize(("name", "options"), BACKBONES, ids=NAMES)
@pytest.mark.parametrize("size", [(64, 96), (48, 80), (16, 112)])
@torch.no_grad()
def test_at_first_it_is_the_plain_trunk(name: str, options: dict, size: tuple[int, int]) -> None:
    plain, refined = pair(name, options)
    images = torch.randn(2, 3, *size)
    assert refined.channels == plain.channels
    expected = plain(images)
    for ours, theirs in zip(refined(images), expected, strict=True):
        assert torch.equal(ours, theirs)
    wake(refined)
    for ours, theirs in zip(refined(images), expected, strict=True):
        assert ours.shape == theirs.shape
        assert not torch.allclose(ours, theirs)


@torch.no_grad()
def test_masks_go_in_as_in_the_plain_trunk() -> None:
    plain, refined = pair(*BACKBONES[0], masks=2)
    inputs = (torch.randn(1, 3, 32, 48), torch.rand(3, 2, 32, 48), torch.zeros(3, dtype=torch.long))
    for ours, theirs in zip(refined(*inputs), plain(*inputs), strict=True):
        assert torch.equal(ours, theirs)


def test_size_of_refine_50() -> None:
    with torch.device("meta"):  # sizes need no values
        plain = Trunk("resnet50")
        refined = RefineTrunk(Trunk("resnet50", strides=STRIDES))
    layer4 = 14_964_736
    pyramid = 3840 * 256 + 4 * 256 + 3 * (9 * 256 * 256 + 256) + 256 * 1792 + 1792
    assert parameters(refined) - parameters(plain) == layer4 + pyramid == 18_179_584
    assert refined.channels == plain.channels == (256, 512, 1024)


@torch.no_grad()
def test_the_coarsest_stage_reaches_far() -> None:
    """A change in one corner changes stride-16 features where the plain trunk's stay."""
    plain, refined = pair("resnet18", BACKBONES[0][1])
    wake(refined)
    # Two images that differ in the top left corner only.
    images = torch.randn(1, 3, 64, 256).repeat(2, 1, 1, 1)
    images[1, :, :8, :8] += 3
    reach = []
    for trunk in (plain, refined):
        stride16 = trunk(images)[-1]
        columns = (stride16[0] - stride16[1]).abs().amax((0, 1)).nonzero()
        reach.append(int(columns.max()))
    assert reach[1] > reach[0]


@pytest.mark.parametrize(("name", "options"), BACKBONES, ids=NAMES)
@torch.no_grad()
def test_batch_norm_is_folded(name: str, options: dict) -> None:
    _, refined = pair(name, options, masks=1)
    wake(refined)
    for module in refined.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    quick = folded(nn.ModuleDict({"encoder": refined}))["encoder"]
    inputs = (torch.randn(1, 3, 48, 80), torch.rand(1, 1, 48, 80), torch.zeros(1, dtype=torch.long))
    for ours, theirs in zip(quick(*inputs), refined(*inputs), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-3)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in quick.modules())
    assert any(isinstance(module, MaskStem) for module in quick.modules())


def test_a_backbone_without_stride_32() -> None:
    options = TrunkOptions(output_stride=16)
    Trunk("mobilenetv2_035", options=options)
    with pytest.raises(UsageError, match="strides 4, 8, 16, 32"):
        Trunk("mobilenetv2_035", options=options, strides=STRIDES)


@pytest.mark.parametrize("system", [stm, famnet], ids=["stm", "famnet"])
def test_networks_with_it_start_as_those_without_and_train_all_of_it(system) -> None:
    network = system.build(system.Config(**NETWORK, context="pyramid")).eval()
    plain = system.build(system.Config(**NETWORK)).eval()
    state = {name.replace(".trunk.", "."): value for name, value in network.state_dict().items()}
    plain.load_state_dict({name: state[name] for name in plain.state_dict()})
    labels = torch.zeros(1, 3, 48, 80, dtype=torch.long)
    labels[..., 8:40, 10:50] = 1
    clip = Clip(torch.rand(1, 3, 3, 48, 80), labels, torch.ones(1, 1, dtype=torch.bool))
    with torch.no_grad():
        assert torch.equal(network(clip).logits, plain(clip).logits)
    for module in network.modules():
        if isinstance(module, RefineTrunk):
            wake(module)
    network(clip).logits.square().mean().backward()
    trained = {
        name: p.grad is not None and bool(p.grad.any()) for name, p in network.named_parameters()
    }
    # The memory encoder's finer levels go nowhere in STM: only its stride-16 features are used.
    idle = [
        name
        for name, learns in trained.items()
        if not learns and ".trunk." not in name and "encoder.memory" not in name
    ]
    assert idle == []
    assert trained[next(name for name in trained if "laterals.3.weight" in name)]
