"""BatchNorm with frozen statistics folded into convolutions while training, for speed.

With frozen statistics BatchNorm is a factor and a shift per channel. Applied to a convolution's
weights instead of its output, they cost nothing that grows with the image, and gradients reach
weights, gamma and beta as before: y = conv(x, w gamma / sigma) + (b - mu) gamma / sigma + beta.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _BatchNorm

from vostool.nn.folding import agree
from vostool.nn.pointwise import is_pointwise, pointwise

Pair = tuple[nn.Conv2d, _BatchNorm]


def pairs_to_fold(module: nn.Module, run: Callable[[], Sequence[torch.Tensor]]) -> tuple[Pair, ...]:
    """Convolutions whose BatchNorm can be folded: it follows among the children of one parent.

    Args:
        module: searched with all that is below it.
        run: calls the module on some input. Where folding changes the result, because children run
            in another order than they are listed, there are no pairs.
    """
    pairs = tuple(_neighbours(module))
    modes = [(part, part.training) for part in module.modules()]
    try:
        module.eval()
        with torch.no_grad():
            plain = run()
            with folded_live(pairs):
                found = run()
    finally:
        for part, training in modes:
            part.training = training
    return pairs if agree(plain, found) else ()


def _neighbours(module: nn.Module) -> list[Pair]:
    found: list[Pair] = []
    for parent in module.modules():
        before: nn.Module | None = None
        for child in parent.children():
            if isinstance(child, _BatchNorm) and _fits(before, child):
                assert isinstance(before, nn.Conv2d)
                found.append((before, child))
            before = child
    return found


def _fits(before: nn.Module | None, norm: _BatchNorm) -> bool:
    return (
        isinstance(before, nn.Conv2d)
        and before.out_channels == norm.num_features
        and before.padding_mode == "zeros"
        and norm.running_var is not None
        and norm.affine
    )


@contextmanager
def folded_live(pairs: Sequence[Pair]) -> Iterator[None]:
    """Run with the BatchNorms of these pairs, which are in eval mode, in their convolutions.

    Names of parameters and their values stay as they are. Gradients may be taken afterwards.
    """
    for conv, norm in pairs:
        # Attributes of the instance go before its parameters; a parameter is not replaced.
        weight, bias = conv.__dict__["weight"], conv.__dict__["bias"] = _folded(conv, norm)
        if is_pointwise(conv):
            conv.__dict__["forward"] = functools.partial(pointwise, weight=weight, bias=bias)
        norm.__dict__["forward"] = _after(norm)
    try:
        yield
    finally:
        for conv, norm in pairs:
            del conv.__dict__["weight"], conv.__dict__["bias"], norm.__dict__["forward"]
            conv.__dict__.pop("forward", None)


def _folded(conv: nn.Conv2d, norm: _BatchNorm) -> tuple[torch.Tensor, torch.Tensor]:
    assert norm.running_var is not None and norm.running_mean is not None
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    shift = norm.bias - norm.running_mean * scale
    if conv.bias is not None:
        shift = shift + conv.bias * scale
    return conv.weight * scale[:, None, None, None], shift


def _after(norm: _BatchNorm) -> Callable[[torch.Tensor], torch.Tensor]:
    """What is left of a BatchNorm: timm's carries a dropout and an activation."""
    steps: list[Any] = [getattr(norm, name) for name in ("drop", "act") if hasattr(norm, name)]
    steps = [_Clamp.apply if isinstance(step, nn.ReLU6) else step for step in steps]

    def forward(x: torch.Tensor) -> torch.Tensor:
        for step in steps:
            x = step(x)
        return x

    return forward


class _Clamp(torch.autograd.Function):
    """ReLU6 in place that remembers its result; torch's keeps a copy of what was there before."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        x.clamp_(0, 6)
        ctx.mark_dirty(x)
        ctx.save_for_backward(x)
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        (result,) = ctx.saved_tensors
        return torch.ops.aten.hardtanh_backward(gradient, result, 0, 6)
