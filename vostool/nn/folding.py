"""BatchNorm with frozen statistics, and folding it into convolutions for inference."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from vostool.nn.trunk import MaskStem, Trunk

PROBE_SIZE = 64
FOLD_TOLERANCE = 1e-3


def freeze_statistics(module: nn.Module) -> None:
    """Put every BatchNorm below `module` into eval mode; its affine parameters stay trainable."""
    for child in module.modules():
        if isinstance(child, _BatchNorm):
            child.eval()


def fold_batch_norm(module: nn.Module) -> nn.Module:
    """A copy with BatchNorm folded into the convolutions before it; exact up to rounding.

    A BatchNorm is folded where it follows a convolution, or a sequence that ends in one, among the
    children of one parent, as in timm's ResNets, ResNeSts and MobileNets. Trunks are checked on
    random input, and one that folding would change (because its children run in another order)
    keeps its BatchNorm.
    """
    folded = copy.deepcopy(module).eval()
    for path, trunk in list(folded.named_modules()):
        if isinstance(trunk, Trunk):
            candidate = copy.deepcopy(trunk)
            _fold_children(candidate)
            if _agree(trunk, candidate):
                _set_child(folded, path, candidate)
    return folded


def _set_child(root: nn.Module, path: str, child: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(root.get_submodule(parent), name, child)


def _fold_children(module: nn.Module) -> None:
    before: nn.Module | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, _BatchNorm):
            if isinstance(before, nn.Conv2d | MaskStem) and _matches(before, child):
                _absorb(before, child)
                setattr(module, name, _what_follows(child))
            before = None
        elif isinstance(child, nn.Conv2d | MaskStem):
            _fold_children(child)  # a deep stem has BatchNorms of its own
            before = child
        elif any(True for _ in child.children()):
            _fold_children(child)
            before = _end_of(child)


def _end_of(module: nn.Module) -> nn.Module | None:
    """What a sequence ends with: a deep stem's last convolution is followed by a BatchNorm."""
    return module[-1] if isinstance(module, nn.Sequential) else None


def _matches(conv: nn.Conv2d | MaskStem, norm: _BatchNorm) -> bool:
    return _first(conv).out_channels == norm.num_features and norm.running_var is not None


def _first(conv: nn.Conv2d | MaskStem) -> nn.Conv2d:
    """The convolution that carries the bias."""
    return conv.last if isinstance(conv, MaskStem) else conv


def _absorb(conv: nn.Conv2d | MaskStem, norm: _BatchNorm) -> None:
    """Multiply the weights by gamma / sigma; add the shift as a bias."""
    assert norm.running_var is not None and norm.running_mean is not None
    with torch.no_grad():
        scale = (norm.running_var + norm.eps).rsqrt()
        if norm.affine:
            scale = scale * norm.weight
        first = _first(conv)
        old_bias = torch.zeros_like(norm.running_mean) if first.bias is None else first.bias
        bias = (old_bias - norm.running_mean) * scale
        if norm.affine:
            bias = bias + norm.bias
        parts = [first, *conv.mask_convs()] if isinstance(conv, MaskStem) else [first]
        for part in parts:
            part.weight = nn.Parameter(part.weight * scale[:, None, None, None])
        first.bias = nn.Parameter(bias)


def _what_follows(norm: nn.Module) -> nn.Module:
    """timm's BatchNormAct2d carries a dropout and an activation; they stay."""
    kept = [getattr(norm, name) for name in ("drop", "act") if hasattr(norm, name)]
    return nn.Sequential(*kept) if kept else nn.Identity()


@torch.no_grad()
def _agree(one: nn.Module, other: nn.Module) -> bool:
    parameter = next(one.parameters())
    images = torch.randn(
        1, 3, PROBE_SIZE, PROBE_SIZE, generator=torch.Generator().manual_seed(0)
    ).to(parameter)
    arguments: tuple[torch.Tensor, ...] = (images,)
    stems = [module for module in one.modules() if isinstance(module, MaskStem)]
    if stems:
        masks = images[:, :1].repeat(1, len(stems[0].masks), 1, 1)
        arguments = (images, masks, torch.zeros(1, dtype=torch.long, device=images.device))
    for a, b in zip(one(*arguments), other(*arguments), strict=True):
        scale = a.abs().max().clamp(min=1e-6)
        if a.shape != b.shape or not bool((a - b).abs().max() <= FOLD_TOLERANCE * scale):
            return False
    return True
