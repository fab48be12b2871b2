"""1 - soft IoU of planes per object that a network gives at a size of its own (coarse masks)."""

from __future__ import annotations

import torch
from pydantic import Field
from torch.nn import functional

from vostool.core.types import Clip
from vostool.models import Prediction
from vostool.training.loss import LossOptions, Moment
from vostool.training.losses.iou import iou_loss


class Options(LossOptions):
    """1 - soft IoU of an extra `[B, F, N, h, w]` in [0, 1]; truth is compared at its size."""

    of: str | None = Field("coarse", description="the extra")


def loss(prediction: Prediction, clip: Clip, options: Options, moment: Moment) -> torch.Tensor:
    """See `vostool.training.loss`.

    Raises:
        ValueError: the extra has no plane per object and frame.
    """
    planes = prediction.extras[options.of or "coarse"].float()
    frames, objects = clip.labels.shape[1] - 1, clip.present.shape[1]
    if planes.ndim != 5 or planes.shape[1:3] != (frames, objects):
        raise ValueError(f"{options.of} of this network has no plane per object and frame")
    labels = functional.interpolate(
        clip.labels[:, 1:].float(), size=planes.shape[-2:], mode="nearest-exact"
    ).long()
    background = torch.zeros_like(planes[:, :, :1])
    return iou_loss(torch.cat([background, planes], dim=2), labels, clip.present)
