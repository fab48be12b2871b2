"""Which parameters online fine-tuning changes: what depends on the object, not on the world."""

from __future__ import annotations

from typing import Literal

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from vostool.nn.part_protocols import Pretrained

TrunkPart = Literal["last-stage", "all", "none"]


def choose_parameters(model: nn.Module, trunk: TrunkPart) -> list[nn.Parameter]:
    """Everything outside trunks, and of each trunk the given part; no BatchNorm in any of them.

    A trunk is what declares itself one (`Pretrained`); a network without one counts as all
    outside. Only the chosen parameters require gradients afterwards.
    """
    model.requires_grad_(True)
    chosen = {id(parameter) for parameter in model.parameters()}
    for part in model.modules():
        if isinstance(part, Pretrained) and trunk != "all":
            kept = {id(p) for p in part.last_stage()} if trunk == "last-stage" else set()
            chosen -= {id(p) for p in part.parameters()} - kept
    for part in model.modules():
        if isinstance(part, _BatchNorm):
            chosen -= {id(p) for p in part.parameters(recurse=False)}
    for parameter in model.parameters():
        parameter.requires_grad_(id(parameter) in chosen)
    return [parameter for parameter in model.parameters() if parameter.requires_grad]
