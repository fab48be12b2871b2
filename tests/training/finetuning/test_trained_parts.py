"""Which parameters are tuned, by name."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from vostool.models.systems import famnet, stm
from vostool.training.finetuning.trained_parts import choose_parameters
from vostool.training.optimisation.optimiser import split_parameters

SMALL = {"key_channels": 4, "value_channels": 8, "decoder_channels": 8}
RESNET = {
    "backbone": "resnet18",
    "backbone_options": {"layers": [1, 1, 1, 1], "channels": [8, 8, 16, 16]},
    **SMALL,
}


def chosen(model: nn.Module, trunk: str) -> set[str]:
    """Names of the parameters that require gradients."""
    parameters = choose_parameters(model, trunk)
    named = {id(parameter): name for name, parameter in model.named_parameters()}
    names = {named[id(parameter)] for parameter in parameters}
    assert names == {name for name, value in model.named_parameters() if value.requires_grad}
    return names


def batch_norms(model: nn.Module) -> set[str]:
    return {
        f"{path}.{name}"
        for path, part in model.named_modules()
        if isinstance(part, _BatchNorm)
        for name, _ in part.named_parameters()
    }


def in_trunk(name: str) -> bool:
    return name.startswith("encoder.") and "_head." not in name


def test_stm_is_tuned_in_both_layer3_and_all_heads():
    model = stm.build(stm.Config(**RESNET))
    names = chosen(model, "last-stage")
    inside = {name for name in names if in_trunk(name)}
    assert inside
    assert all(".layer3." in name for name in inside), "layer3 of a ResNet is its stride-16 stage"
    convolutions = {
        name for name, value in model.named_parameters() if ".layer3." in name and value.ndim == 4
    }
    assert convolutions <= names
    outside = {name for name, _ in model.named_parameters() if not in_trunk(name)}
    assert outside <= names
    assert not names & batch_norms(model)


def test_other_choices_of_the_trunk():
    model = stm.build(stm.Config(**RESNET))
    everything = {name for name, _ in model.named_parameters()}
    assert chosen(model, "all") == everything - batch_norms(model)
    assert chosen(model, "none") == {name for name in everything if not in_trunk(name)}


@pytest.mark.parametrize(("refine", "stage"), [(False, "stride 16"), (True, "stride 32")])
def test_the_last_stage_of_any_trunk_is_what_only_the_coarsest_feature_needs(refine, stage):
    config = famnet.Config(
        backbone="mobilenetv2_035", context="pyramid" if refine else "none", **SMALL
    )
    model = famnet.build(config)
    names = chosen(model, "last-stage")
    trunk = model.encoder.shared.trunk if refine else model.encoder.shared
    inside = {name for name, value in trunk.named_parameters() if value.requires_grad}
    blocks = {name.split(".")[2] for name in inside}
    # MobileNetV2: blocks 1 and 2 end strides 4 and 8, 4 ends stride 16, 5 (and 6) have stride 32.
    assert blocks, stage
    assert blocks <= ({"5", "6"} if refine else {"3", "4"})
    if refine:
        assert any("laterals" in name for name in names), "the pyramid lies outside the trunk"
    assert any(name.startswith("mixer.aspp") for name in names)


@pytest.mark.parametrize(
    ("changes", "stage"),
    [
        ({}, "layer3"),
        ({"context": "pyramid"}, "layer4"),
        ({"backbone_options": {**RESNET["backbone_options"], "output_stride": 16}}, "layer4"),
    ],
    ids=["stm", "refine-50", "output stride"],
)
def test_the_last_stage_is_the_one_that_the_name_says(changes, stage):
    """Whatever its stride, and also where the stage before it gives no feature."""
    model = famnet.build(famnet.Config(**{**RESNET, **changes}))
    inside = {name for name in chosen(model, "last-stage") if ".net." in name}
    assert inside == {
        name for name, value in model.named_parameters() if f".{stage}." in name and value.ndim == 4
    }


def test_a_part_of_another_package_declares_itself_a_trunk():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.early, self.late, self.new = (nn.Conv2d(3, 3, 1, bias=False) for _ in range(3))

        def pretrained_parameters(self):
            return [self.early.weight, self.late.weight]

        def last_stage(self):
            return [self.late.weight]

    model = nn.ModuleDict({"trunk": Own(), "head": nn.Conv2d(3, 2, 1, bias=False)})
    assert chosen(model, "last-stage") == {"trunk.late.weight", "head.weight"}
    trunk, rest = split_parameters(model.requires_grad_(True))
    assert [id(p) for p in trunk] == [id(p) for p in model["trunk"].pretrained_parameters()]
    assert len(rest) == 2


def test_a_network_without_a_trunk_is_tuned_whole():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 1))
    assert chosen(model, "last-stage") == {"0.weight", "0.bias", "2.weight", "2.bias"}


def test_probing_leaves_the_network_as_it_was():
    model = stm.build(stm.Config(**RESNET))
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [part.training for part in model.modules()]
    choose_parameters(model, "last-stage")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [part.training for part in model.modules()] == modes
    assert all(parameter.grad is None for parameter in model.parameters())
