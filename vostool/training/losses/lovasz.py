"""Lovász-Softmax (Berman et al., CVPR 2018) over the classes in a frame."""

from __future__ import annotations

import torch

from vostool.core.types import VOID, Clip
from vostool.models import Prediction
from vostool.training.loss import LossOptions, Moment, logits_of


class Options(LossOptions):
    """Lovász-Softmax over the classes in a frame."""


def loss(prediction: Prediction, clip: Clip, options: Options, moment: Moment) -> torch.Tensor:
    """See `vostool.training.loss`."""
    return lovasz_softmax(logits_of(prediction, clip, options).softmax(2), clip.labels[:, 1:])


def lovasz_softmax(probabilities: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Lovász-Softmax per clip and frame, over the classes that the frame has; a scalar.

    Args:
        probabilities: `[B, F, C, H, W]`; labels: int64 `[B, F, H, W]`, VOID pixels do not count.
    """
    batch, frames = labels.shape[:2]
    per_frame = [
        _lovasz_frame(p, y)
        for p, y in zip(
            probabilities.flatten(0, 1).flatten(2), labels.flatten(0, 1).flatten(1), strict=True
        )
    ]
    return torch.stack(per_frame).view(batch, frames).sum(1).mean()


def _lovasz_frame(probabilities: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean over present classes; probabilities `[C, P]`, labels `[P]`."""
    counted = labels != VOID
    probabilities, labels = probabilities[:, counted], labels[counted]
    if labels.numel() == 0:
        return probabilities.sum()
    classes = labels.unique()
    truth = (labels == classes[:, None]).to(probabilities.dtype)
    errors, order = (truth - probabilities[classes]).abs().sort(dim=1, descending=True)
    return (errors * jaccard_gradient(truth.gather(1, order))).sum(1).mean()


def jaccard_gradient(truth: torch.Tensor) -> torch.Tensor:
    """Discrete gradient of the Jaccard loss; truth 0/1 `[C, P]`, sorted by falling error.

    Entry i is the growth of 1 - IoU when pixel i joins the set of wrong pixels (eq. 9 of the
    Lovász-Softmax paper).
    """
    total = truth.sum(1, keepdim=True)
    intersection = total - truth.cumsum(1)
    union = total + (1 - truth).cumsum(1)
    loss = 1 - intersection / union
    return torch.diff(loss, dim=1, prepend=loss.new_zeros(len(loss), 1))
