"""CFBI's bootstrapped cross-entropy, on a schedule that fits the run's length."""

from __future__ import annotations

import torch
from pydantic import Field, model_validator
from torch.nn import functional

from vostool.core.types import VOID, Clip
from vostool.models import Prediction
from vostool.training.loss import LossOptions, Moment, logits_of


class Options(LossOptions):
    """Cross-entropy of the hardest pixels; ever fewer of them count."""

    ratio: float = Field(0.15, gt=0, le=1, description="part of the pixels that counts at the end")
    start: float = Field(
        0.0, ge=0, lt=1, description="part of the run until which all pixels count"
    )
    until: float = Field(
        0.5,
        gt=0,
        le=1,
        description="part of the run after which `ratio` holds; before, the part that counts falls "
        "linearly from 1",
    )

    @model_validator(mode="after")
    def _ordered(self) -> Options:
        if self.until <= self.start:
            raise ValueError("until must come after start")
        return self

    def part(self, progress: float) -> float:
        """Part of the pixels that counts at a progress in [0, 1]."""
        fallen = (progress - self.start) / (self.until - self.start)
        return 1.0 + (self.ratio - 1.0) * min(max(fallen, 0.0), 1.0)


def loss(prediction: Prediction, clip: Clip, options: Options, moment: Moment) -> torch.Tensor:
    """See `vostool.training.loss`; CFBI takes the mean over frames: a weight of 1 / frames."""
    logits = logits_of(prediction, clip, options)
    part = options.part(moment.progress)
    found = hardest_cross_entropy(logits.flatten(0, 1), clip.labels[:, 1:].flatten(0, 1), part)
    return found.view(logits.shape[:2]).sum(1).mean()


def hardest_cross_entropy(logits: torch.Tensor, labels: torch.Tensor, part: float) -> torch.Tensor:
    """Mean cross-entropy over the hardest pixels of each frame, `[F]`.

    As in the published code, void pixels are among the pixels, with a loss of 0, and the number of
    pixels is rounded down.

    Args:
        logits: `[F, C, H, W]`; labels: int64 `[F, H, W]`.
        part: of a frame's pixels, in (0, 1].
    """
    each = functional.cross_entropy(logits, labels, ignore_index=VOID, reduction="none").flatten(1)
    kept = max(1, int(part * each.shape[1] + 1e-9))
    return each.topk(kept, dim=1).values.mean(1)
