"""What a loss is, and what the losses on logits share.

A loss is a module with

- `Options`, a class derived from `LossOptions` here: how a recipe sets it;
- `loss(prediction, clip, options, moment)`, a scalar in float32 without the weight.

Axes: B clips, F = T - 1 segmented frames, C = N + 1 classes (0 background), H x W pixels.
The losses here are sums over the frames of a clip and means over clips, as STM's is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from pydantic import Field
from torch.nn import functional

from vostool.core.options import Options
from vostool.core.types import Clip
from vostool.models import Prediction

ENTRY_POINT_GROUP = "vostool.losses"


@dataclass(frozen=True)
class Moment:
    """Where a training is, for schedules inside a loss.

    Attributes:
        iteration: optimiser steps done.
        iterations: of the whole run.
    """

    iteration: int = 0
    iterations: int = 1

    @property
    def progress(self) -> float:
        """From 0 at the beginning to 1 at the end of the run."""
        return min(self.iteration / max(self.iterations, 1), 1.0)


class LossOptions(Options):
    """What every loss has."""

    weight: float = Field(1.0, ge=0, description="factor in the sum; 0 leaves the loss out")
    of: str | None = Field(
        None,
        description="what it is a loss of: an extra that the network gives beside its result, such "
        "as coarse; without it the result",
    )
    optional: bool = Field(False, description="go on without it where a network has no such extra")


class Loss(Protocol):
    """A function of a module of losses."""

    def __call__(
        self, prediction: Prediction, clip: Clip, options: LossOptions, moment: Moment
    ) -> torch.Tensor:
        """A scalar in float32.

        Args:
            prediction: of the frames after the first, with logits `[B, F, C, H, W]`; has the extra
                that `options.of` names.
            clip: what it was predicted from.
            moment: position in the training.
        """


def logits_of(prediction: Prediction, clip: Clip, options: LossOptions) -> torch.Tensor:
    """Logits `[B, F, C, H, W]` in float32 of the result, or of the extra that is asked for.

    Rows of objects that a clip does not have are minus infinity.

    Raises:
        ValueError: the extra is something else.
    """
    result = prediction.logits
    if result is None:
        raise ValueError("a prediction in training must have logits")
    logits = result if options.of is None else prediction.extras[options.of]
    if not isinstance(logits, torch.Tensor) or logits.shape != result.shape:
        raise ValueError(f"{options.of} of this network is not logits {tuple(result.shape)}")
    return without_absent(logits.float(), clip.present)


def without_absent(logits: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Logits `[B, F, C, H, W]` with rows of objects that a clip does not have at minus infinity.

    Args:
        present: bool `[B, C - 1]`.
    """
    absent = functional.pad(~present, (1, 0))
    return logits.masked_fill(absent[:, None, :, None, None], float("-inf"))
