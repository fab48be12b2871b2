"""Cross-entropy over all pixels, as STM's (ICCV 2019), or over the hardest ones."""

from __future__ import annotations

import torch
from pydantic import Field, model_validator
from torch.nn import functional

from vostool.core.options import Options as OptionGroup
from vostool.core.types import VOID, Clip
from vostool.models import Prediction
from vostool.training.loss import LossOptions, Moment, logits_of


class BootstrapOptions(OptionGroup):
    """Which part of the pixels counts."""

    ratio: float = Field(0.15, gt=0, le=1, description="part of the pixels that counts at the end")
    start: int = Field(20_000, ge=0, description="iteration until which all pixels count")
    end: int = Field(70_000, ge=1, description="iteration from which `ratio` holds")

    @model_validator(mode="after")
    def _ordered(self) -> BootstrapOptions:
        if self.end <= self.start:
            raise ValueError("end must come after start")
        return self


class Options(LossOptions):
    """Cross-entropy."""

    bootstrap: BootstrapOptions | None = Field(
        None, description="over the hardest pixels of each frame only"
    )


def loss(prediction: Prediction, clip: Clip, options: Options, moment: Moment) -> torch.Tensor:
    """See `vostool.training.loss`."""
    logits = logits_of(prediction, clip, options)
    return cross_entropy(
        logits, clip.labels[:, 1:], hardest_ratio(options.bootstrap, moment.iteration)
    )


def hardest_ratio(options: BootstrapOptions | None, iteration: int) -> float:
    """Part of the pixels that counts: 1 until `start`, linear to `ratio` at `end`, then `ratio`."""
    if options is None:
        return 1.0
    progress = (iteration - options.start) / (options.end - options.start)
    return 1.0 + (options.ratio - 1.0) * min(max(progress, 0.0), 1.0)


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor, ratio: float = 1.0) -> torch.Tensor:
    """Cross-entropy over the hardest `ratio` of each frame's pixels; a scalar.

    Args:
        logits: `[B, F, C, H, W]`; labels: int64 `[B, F, H, W]`, VOID pixels do not count.
    """
    batch, frames = labels.shape[:2]
    each = functional.cross_entropy(
        logits.flatten(0, 1), labels.flatten(0, 1), ignore_index=VOID, reduction="none"
    ).flatten(1)
    counted = (labels != VOID).flatten(0, 1).flatten(1)
    if ratio < 1.0:
        # VOID pixels have a loss of 0, so they sort last and never displace a counted one.
        each = each.topk(max(1, round(ratio * each.shape[1])), dim=1).values
        per_frame = each.mean(1)
    else:
        per_frame = each.sum(1) / counted.sum(1).clamp(min=1)
    return per_frame.view(batch, frames).sum(1).mean()
