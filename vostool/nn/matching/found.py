"""Gradients of distances to pixels that a search has found.

Which pixel is nearest has no gradient; its distance has. So searches run without gradients, and
the backward pass touches the pixels found, not all that were compared.

Axes: M query pixels, R reference pixels, S searches (one for each instance and window), C channels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable


def with_gradient(
    squared: torch.Tensor, place: torch.Tensor, query: torch.Tensor, reference: torch.Tensor
) -> torch.Tensor:
    """The distances as they are, with the gradient of |query - reference[place]|^2.

    Args:
        squared: float32 `[S, M]`; infinite where a search found nothing, which gives no gradient.
        place: int64 `[S, M]`, indices below R.
        query: float32 `[M, C]`; reference: float32 `[R, C]`.
    """
    found: torch.Tensor = _FoundDistance.apply(squared, place, query, reference)
    return found


class _FoundDistance(torch.autograd.Function):
    """See `with_gradient`; memory is that of one search at a time, `[M, C]`."""

    @staticmethod
    def forward(
        ctx: Any,
        squared: torch.Tensor,
        place: torch.Tensor,
        query: torch.Tensor,
        reference: torch.Tensor,
    ) -> torch.Tensor:
        ctx.save_for_backward(squared.isinf(), place, query, reference)
        return squared.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[None, None, torch.Tensor, torch.Tensor]:
        nothing, place, query, reference = ctx.saved_tensors
        factor = 2 * gradient.masked_fill(nothing, 0)
        of_query = query * factor.sum(0)[:, None]
        of_reference = torch.zeros_like(reference)
        for weight, index in zip(factor, place, strict=True):
            near = reference[index]
            of_query.addcmul_(near, weight[:, None], value=-1)
            of_reference.index_add_(0, index, (near - query) * weight[:, None])
        return None, None, of_query, of_reference
