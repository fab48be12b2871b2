"""1x1 convolutions as matrix products, for training on processors.

With channels last, the pixels of a feature map are the rows of a matrix, and nothing is copied.
torch's own kernels for one thread take a fifth longer for that (`benchmarks/bench_training.py`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


def is_pointwise(conv: nn.Conv2d) -> bool:
    """Whether each pixel of the output depends on one pixel of the input, and on all channels."""
    plain = (conv.kernel_size, conv.stride, conv.groups) == ((1, 1), (1, 1), 1)
    return plain and type(conv) is nn.Conv2d and conv.padding == (0, 0)


def pointwise(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """`conv2d` of `[V, C, h, w]` with weight `[K, C, 1, 1]`, bias `[K]` -> `[V, K, h, w]`."""
    if x.device.type != "cpu" or x.dtype != weight.dtype or torch.is_autocast_enabled("cpu"):
        return F.conv2d(x, weight, bias)
    result: torch.Tensor = _Product.apply(x, weight, bias)
    return result


class _Product(torch.autograd.Function):
    """Its result is no view of another tensor, so that activations may work in place."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> Any:
        rows, matrix = _rows(x), weight.flatten(1)
        size, layout = (len(x), len(matrix), *x.shape[2:]), torch.channels_last
        result = torch.empty(size, dtype=x.dtype, device=x.device, memory_format=layout)
        torch.addmm(bias, rows, matrix.t(), out=_rows(result))
        ctx.save_for_backward(x, weight)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        x, weight = ctx.saved_tensors
        rows, matrix = _rows(gradient), weight.flatten(1)
        of_x = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            views, _, height, width = x.shape
            of_x = (rows @ matrix).view(views, height, width, -1).permute(0, 3, 1, 2)
        if ctx.needs_input_grad[1]:
            of_weight = (rows.t() @ _rows(x)).view_as(weight)
        if ctx.needs_input_grad[2]:
            of_bias = rows.sum(0)
        return of_x, of_weight, of_bias


def _rows(x: torch.Tensor) -> torch.Tensor:
    """`[V, C, h, w]` -> `[V h w, C]`, the same memory where channels are last."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])
