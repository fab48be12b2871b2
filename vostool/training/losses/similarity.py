"""Similarities of objects and proposals against the true assignment (DMN-AOA).

The supplement says nothing of losses; DMM-Net's code has a squared error between its assignment and
a greedy target. Ours is between similarities and the exact assignment of proposals to true masks
(METHODS B1).
"""

from __future__ import annotations

import torch
from pydantic import Field
from scipy.optimize import linear_sum_assignment
from torch.nn import functional

from vostool.core.types import Clip
from vostool.models import Prediction
from vostool.nn.proposal_matching import soft_overlap
from vostool.training.loss import LossOptions, Moment


class Options(LossOptions):
    """Mean squared difference of similarities and the true assignment, 1 for a match, else 0."""

    of: str | None = Field("matching", description="the extra")
    least_overlap: float = Field(
        0.5, ge=0, le=1, description="objects whose best proposal has a smaller IoU do not count"
    )


def loss(prediction: Prediction, clip: Clip, options: Options, moment: Moment) -> torch.Tensor:
    """See `vostool.training.loss`; the extra holds per frame and clip what was compared."""
    compared = prediction.extras[options.of or "matching"]
    total = clip.images.new_zeros((), dtype=torch.float32)
    for frame, clips in enumerate(compared, start=1):
        for index, item in enumerate(clips):
            rows = clip.present[index].nonzero()[:, 0] + 1
            truth = clip.labels[index, frame][None] == rows[:, None, None]
            small = functional.adaptive_avg_pool2d(truth.float(), item.masks.shape[-2:])
            total = total + _of_frame(item.values, soft_overlap(small, item.masks), options)
    return total / max(len(clip.present), 1)


def _of_frame(similarity: torch.Tensor, overlap: torch.Tensor, options: Options) -> torch.Tensor:
    """Similarities and overlaps with the truth `[N, P]` -> scalar; 0 where no object counts."""
    if not overlap.numel():
        return similarity.sum() * 0
    counts = overlap.amax(1) >= options.least_overlap
    if not counts.any():
        return similarity.sum() * 0
    some = overlap[counts]
    target = torch.zeros_like(some)
    matched = linear_sum_assignment(some.detach().cpu().numpy(), maximize=True)
    target[matched[0], matched[1]] = 1
    return (similarity[counts] - target).square().mean()
