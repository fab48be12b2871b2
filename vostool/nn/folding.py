"""BatchNorm with frozen statistics, and folding it into convolutions for inference."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_weights

from vostool.nn.part_protocols import Foldable

TOLERANCE = 1e-3


def freeze_statistics(module: nn.Module) -> None:
    """Put every BatchNorm below `module` into eval mode; its affine parameters stay trainable."""
    for child in module.modules():
        if isinstance(child, _BatchNorm):
            child.eval()


def folded(module: nn.Module) -> nn.Module:
    """A copy in eval mode whose parts have folded themselves (`Foldable`); exact up to rounding."""
    result = copy.deepcopy(module).eval()
    for part in list(result.modules()):
        if isinstance(part, Foldable):
            part.fold()
    return result


def folded_weights(conv: nn.Conv2d, norm: _BatchNorm) -> tuple[nn.Parameter, nn.Parameter]:
    """Weight and bias of a convolution and the BatchNorm behind it, in eval mode, in one."""
    assert norm.running_mean is not None and norm.running_var is not None
    statistics = (norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
    return fuse_conv_bn_weights(conv.weight, conv.bias, *statistics)


def absorb(conv: nn.Conv2d, norm: _BatchNorm) -> None:
    """Take a BatchNorm into the convolution before it, in place."""
    conv.weight, conv.bias = folded_weights(conv, norm)


@runtime_checkable
class _Absorbing(Protocol):
    """What else can take in a BatchNorm (a stem of several convolutions)."""

    @property
    def out_channels(self) -> int: ...

    def absorb(self, norm: _BatchNorm) -> None: ...


def fold_children(module: nn.Module) -> None:
    """Fold each BatchNorm that follows a convolution, in place.

    It follows one, or a sequence that ends in one, among the children of one parent, as in timm's
    ResNets, ResNeSts and MobileNets.
    """
    before: nn.Module | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, _BatchNorm):
            if before is not None and child.running_var is not None and _take_in(before, child):
                setattr(module, name, _what_follows(child))
            before = None
        elif any(True for _ in child.children()):
            fold_children(child)  # a deep stem has BatchNorms of its own
            before = child if isinstance(child, _Absorbing) else _end_of(child)
        elif isinstance(child, nn.Conv2d):
            before = child


def _take_in(before: nn.Module, norm: _BatchNorm) -> bool:
    """Let what is before a BatchNorm absorb it; whether it could."""
    if isinstance(before, nn.Conv2d) and before.out_channels == norm.num_features:
        absorb(before, norm)
        return True
    if isinstance(before, _Absorbing) and before.out_channels == norm.num_features:
        before.absorb(norm)
        return True
    return False


def _end_of(module: nn.Module) -> nn.Module | None:
    """What a sequence ends with: a deep stem's last convolution is followed by a BatchNorm."""
    return module[-1] if isinstance(module, nn.Sequential) else None


def _what_follows(norm: nn.Module) -> nn.Module:
    """timm's BatchNormAct2d carries a dropout and an activation; they stay."""
    kept = [getattr(norm, name) for name in ("drop", "act") if hasattr(norm, name)]
    return nn.Sequential(*kept) if kept else nn.Identity()


def agree(features: Sequence[torch.Tensor], others: Sequence[torch.Tensor]) -> bool:
    """Whether features are the same but for rounding."""
    for one, other in zip(features, others, strict=True):
        scale = one.abs().max().clamp(min=1e-6)
        if one.shape != other.shape or not bool((one - other).abs().max() <= TOLERANCE * scale):
            return False
    return True
