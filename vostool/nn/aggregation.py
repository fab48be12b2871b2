"""Soft aggregation over objects (STM, ICCV 2019, section 3.4)."""

from __future__ import annotations

import torch

PROBABILITY_FLOOR = 1e-7
"""Probabilities are clamped to [floor, 1 - floor]; needs float32 (1 - 1e-7 is 1 in half)."""


def soft_aggregate(probabilities: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Make per-object probabilities compete, background included.

    The background is where no object is, q_0 = prod(1 - p_n); each channel's odds q / (1 - q) are
    then normalised. Not idempotent: apply it once.

    Args:
        probabilities: `[..., N, H, W]` in [0, 1], any floating dtype, N >= 0.

    Returns:
        logits and probabilities, each float32 `[..., N + 1, H, W]`, background first; the
        probabilities sum to 1 over the channels.
    """
    objects = probabilities.float()
    background = (1 - objects).prod(dim=-3, keepdim=True)
    channels = torch.cat([background, objects], dim=-3)
    # With many objects in large frames each copy counts; gradients need the input.
    logit = torch.logit if torch.is_grad_enabled() else torch.logit_
    logits = logit(channels, eps=PROBABILITY_FLOOR)
    return logits, logits.softmax(dim=-3)
