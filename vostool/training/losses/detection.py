"""What a detector makes small while it learns (Mask R-CNN: five terms, of equal weight)."""

from __future__ import annotations

import torch
from pydantic import Field

from vostool.core.types import Clip
from vostool.models import Prediction
from vostool.training.loss import LossOptions, Moment


class Options(LossOptions):
    """The sum of the losses that the network itself gives."""

    of: str | None = Field("detection", description="the extra: losses by name")


def loss(prediction: Prediction, clip: Clip, options: Options, moment: Moment) -> torch.Tensor:
    """See `vostool.training.loss`; the extra holds scalars by name."""
    terms = prediction.extras[options.of or "detection"]
    return torch.stack([value.float() for value in terms.values()]).sum()
