"""Losses on aggregated logits: cross-entropy as in STM (ICCV 2019), Lovász-Softmax (Berman et al.,
CVPR 2018), and the IoU loss of BASNet (CVPR 2019) that SCMN takes over.

Axes: B clips, F = T - 1 segmented frames, C = N + 1 classes (0 background), H x W pixels.
Every term is summed over the frames of a clip and averaged over clips, as STM's loss is.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from vostool.core.types import VOID, Clip
from vostool.models import Prediction
from vostool.training.config import BootstrapOptions, LossOptions


def clip_loss(
    prediction: Prediction,
    clip: Clip,
    options: LossOptions,
    iteration: int = 0,
) -> dict[str, torch.Tensor]:
    """The weighted terms and their sum under "loss", scalars in float32.

    Args:
        prediction: of the frames after the first, with logits `[B, F, C, H, W]`. Each of its extras
            that are logits of the same shape adds a cross-entropy "auxiliary_<name>".
        clip: what it was predicted from.
        iteration: position in the training, for the bootstrap's schedule.
    """
    if prediction.logits is None:
        raise ValueError("a prediction in training must have logits")
    logits = without_absent(prediction.logits.float(), clip.present)
    labels = clip.labels[:, 1:]
    terms: dict[str, torch.Tensor] = {}
    ratio = hardest_ratio(options.bootstrap, iteration)
    if options.cross_entropy:
        terms["cross_entropy"] = options.cross_entropy * cross_entropy(logits, labels, ratio)
    if options.lovasz:
        terms["lovasz"] = options.lovasz * lovasz_softmax(logits.softmax(2), labels)
    if options.iou:
        terms["iou"] = options.iou * iou_loss(logits.softmax(2), labels, clip.present)
    if options.auxiliary:
        for name, values in prediction.extras.items():
            if not isinstance(values, torch.Tensor) or values.shape != logits.shape:
                continue
            other = without_absent(values.float(), clip.present)
            term = options.auxiliary * cross_entropy(other, labels, ratio)
            terms[f"auxiliary_{name}"] = term
    return {"loss": torch.stack(list(terms.values())).sum(), **terms}


def without_absent(logits: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Logits `[B, F, C, H, W]` with rows of objects that a clip does not have at minus infinity.

    Args:
        present: bool `[B, C - 1]`.
    """
    absent = functional.pad(~present, (1, 0))
    return logits.masked_fill(absent[:, None, :, None, None], float("-inf"))


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
