"""The IoU loss of BASNet (Qin et al., CVPR 2019) that SCMN takes over: 1 - soft IoU of objects."""

from __future__ import annotations

import torch

from vostool.core.types import VOID, Clip
from vostool.models import Prediction
from vostool.training.loss import LossOptions, Moment, logits_of


class Options(LossOptions):
    """1 - soft IoU, mean over the objects of a clip."""


def loss(prediction: Prediction, clip: Clip, options: Options, moment: Moment) -> torch.Tensor:
    """See `vostool.training.loss`."""
    found = logits_of(prediction, clip, options).softmax(2)
    return iou_loss(found, clip.labels[:, 1:], clip.present)


def iou_loss(
    probabilities: torch.Tensor, labels: torch.Tensor, present: torch.Tensor
) -> torch.Tensor:
    """1 - (sum py + 1) / (sum p + sum y - sum py + 1), mean over a clip's objects; a scalar.

    Objects that a clip has count in each of its frames: where one is hidden, what is found of it
    is wrong. The two ones make an empty prediction of a hidden object perfect.

    Args:
        probabilities: `[B, F, C, H, W]`; labels: int64 `[B, F, H, W]`, VOID pixels do not count.
        present: bool `[B, C - 1]`; a clip without objects has a loss of 0.
    """
    rows = torch.arange(1, probabilities.shape[2], device=labels.device)
    truth = labels[:, :, None] == rows[:, None, None]
    found = probabilities[:, :, 1:] * (labels != VOID)[:, :, None]
    hit = (found * truth).sum((-2, -1))
    union = found.sum((-2, -1)) + truth.sum((-2, -1)) - hit
    per_object = (1 - (hit + 1) / (union + 1)) * present[:, None]
    per_frame = per_object.sum(2) / present.sum(1).clamp(min=1)[:, None]
    return per_frame.sum(1).mean()
