"""Which parameters online fine-tuning changes: what depends on the object, not on the world."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from vostool.nn.trunk import MaskStem, Trunk

TrunkPart = Literal["last-stage", "all", "none"]
PROBE_SIZE = 64


def choose_parameters(model: nn.Module, trunk: TrunkPart) -> list[nn.Parameter]:
    """Everything outside trunks, and of each trunk the given part; no BatchNorm in any of them.

    A network without a vostool trunk counts as all outside. Only the chosen parameters require
    gradients afterwards.
    """
    model.requires_grad_(True)
    chosen = {id(parameter) for parameter in model.parameters()}
    for part in model.modules():
        if isinstance(part, Trunk) and trunk != "all":
            kept = {id(p) for p in last_stage(part)} if trunk == "last-stage" else set()
            chosen -= {id(p) for p in part.parameters()} - kept
    for part in model.modules():
        if isinstance(part, _BatchNorm):
            chosen -= {id(p) for p in part.parameters(recurse=False)}
    for parameter in model.parameters():
        parameter.requires_grad_(id(parameter) in chosen)
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def last_stage(trunk: Trunk) -> list[nn.Parameter]:
    """Parameters on which the coarsest feature alone depends (layer3 of a ResNet at stride 16).

    Found with gradients, because architectures name their stages differently. Needs parameters
    that require gradients; gives none where the trunk has one feature only.
    """
    parameters = list(trunk.parameters())
    masks = [part for part in trunk.modules() if isinstance(part, MaskStem)]
    images = parameters[0].new_zeros((1, 3, PROBE_SIZE, PROBE_SIZE))
    modes = [(part, part.training) for part in trunk.modules()]
    trunk.eval()
    try:
        with torch.inference_mode(False), torch.enable_grad():
            if masks:
                channels = sum(conv.in_channels for conv in masks[0].mask_convs())
                owner = torch.zeros(1, dtype=torch.long, device=images.device)
                features = trunk(images, images[:, :1].repeat(1, channels, 1, 1), owner)
            else:
                features = trunk(images)
            before = _used(features[:-1], parameters)
            last = _used(features[-1:], parameters)
    finally:
        for part, training in modes:
            part.training = training
    return [p for p in parameters if id(p) in last - before]


def _used(features: Sequence[torch.Tensor], parameters: Sequence[nn.Parameter]) -> set[int]:
    """Parameters that some feature depends on."""
    if not features:
        return {id(p) for p in parameters}
    total = torch.stack([feature.sum() for feature in features]).sum()
    gradients = torch.autograd.grad(total, parameters, retain_graph=True, allow_unused=True)
    return {id(p) for p, g in zip(parameters, gradients, strict=True) if g is not None}
