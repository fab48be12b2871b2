"""Fitting an ensemble to frames with true masks: a fusion network, or weights of a mean.

Axes: Q members, K objects, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import Field
from torch.nn import functional as F

from vostool.core.options import Options
from vostool.core.types import VOID
from vostool.ensembling.fusion import FusionNetwork

SMALLEST = 1e-4
WEIGHT_STEPS = 200
PIXELS_PER_FRAME = 4000
"""Of a frame that weights are fitted to, drawn at random; half of them where members differ."""

Step = Callable[[int, float], None]
"""Told the step, from 1, and the loss."""


class FitOptions(Options):
    """How a fusion network is fitted."""

    iterations: int = Field(10_000, ge=1, description="steps")
    learning_rate: float = Field(1e-3, gt=0, description="of Adam")
    crop: int = Field(256, ge=16, description="side of the crops, pixels of the fitted frames")
    drop_member: float = Field(0.1, ge=0, lt=1, description="probability of leaving one out")
    hardest: float = Field(0.15, gt=0, le=1, description="part of the pixels that counts at last")
    hardest_after: float = Field(0.1, gt=0, le=1, description="part of the steps until then")
    jaccard: float = Field(0.5, ge=0, description="weight of 1 - soft Jaccard per object")
    width: int = Field(32, ge=8, multiple_of=8, description="channels of the network")
    seed: int = Field(0, ge=0)


@dataclass(frozen=True)
class FitFrame:
    """One frame to fit to.

    Attributes:
        video: whose frame it is.
        planes: members' probabilities, uint8 `[Q, K+1, H, W]`.
        labels: true rows uint8 `[H, W]`; VOID pixels do not count.
    """

    video: str
    planes: torch.Tensor
    labels: torch.Tensor

    def probabilities(self) -> torch.Tensor:
        """float32 `[Q, K+1, H, W]`, sum 1."""
        planes = self.planes.float()
        return planes / planes.sum(1, keepdim=True).clamp(min=1)


def fit_network(
    frames: Sequence[FitFrame], options: FitOptions, on_step: Step | None = None
) -> FusionNetwork:
    """Fit a fusion network. The random numbers drawn depend on the seed alone."""
    rng = np.random.default_rng(options.seed)
    with torch.random.fork_rng():
        torch.manual_seed(options.seed)
        network = FusionNetwork(len(frames[0].planes), options.width).train()
    optimiser = torch.optim.Adam(network.parameters(), options.learning_rate)
    for step in range(options.iterations):
        frame = frames[int(rng.integers(len(frames)))]
        planes, labels = _crop(frame, options.crop, rng)
        dropped = None
        if len(planes) > 1 and rng.random() < options.drop_member:
            dropped = int(rng.integers(len(planes)))
        progress = min(step / (options.hardest_after * options.iterations), 1.0)
        loss = _loss(network, planes, labels, dropped, progress, options)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if on_step is not None:
            on_step(step + 1, float(loss.detach()))
    return network.eval().requires_grad_(False)


def _loss(
    network: FusionNetwork,
    planes: torch.Tensor,
    labels: torch.Tensor,
    dropped: int | None,
    progress: float,
    options: FitOptions,
) -> torch.Tensor:
    logits, fused = network(planes, dropped)
    each = F.cross_entropy(logits[None], labels[None], ignore_index=VOID, reduction="none")
    part = 1 + (options.hardest - 1) * progress
    hardest = each.flatten().topk(max(1, int(part * each.numel()))).values.mean()
    return hardest + options.jaccard * _soft_jaccard_loss(fused, labels)


def _soft_jaccard_loss(planes: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """1 - soft Jaccard, mean over the objects that are there or are said to be."""
    counted = labels != VOID
    found = planes[1:] * counted
    rows = torch.arange(1, len(planes), device=labels.device)
    true = (labels == rows[:, None, None]).float()
    hit = (found * true).sum((1, 2))
    union = (found + true - found * true).sum((1, 2))
    present = union > 1
    return ((1 - hit / union.clamp(min=1)) * present).sum() / present.sum().clamp(min=1)


def _crop(
    frame: FitFrame, side: int, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Planes and labels of a square around a random pixel of an object, if there is one."""
    height, width = frame.labels.shape
    inside = ((frame.labels > 0) & (frame.labels != VOID)).nonzero()
    middle = (
        inside[int(rng.integers(len(inside)))].tolist()
        if len(inside)
        else [int(rng.integers(height)), int(rng.integers(width))]
    )
    top, left = (
        int(np.clip(place - side // 2, 0, max(0, size - side)))
        for place, size in zip(middle, (height, width), strict=True)
    )
    rows, columns = slice(top, top + side), slice(left, left + side)
    planes = frame.planes[:, :, rows, columns].float()
    planes = planes / planes.sum(1, keepdim=True).clamp(min=1)
    return planes, frame.labels[rows, columns].long()


def fit_weights(frames: Sequence[FitFrame], seed: int = 0) -> tuple[float, ...]:
    """Weights of a mean, at least 0 and of sum 1, for the least cross-entropy of true labels.

    It is convex in the weights. Pixels on which all members agree say little: half of those that
    are taken are others.
    """
    rng = np.random.default_rng(seed)
    said = torch.cat([_said_of_truth(frame, rng) for frame in frames], 1)
    scores = torch.zeros(len(said), requires_grad=True)
    optimiser = torch.optim.Adam([scores], 0.05)
    for _ in range(WEIGHT_STEPS):
        mixed = (scores.softmax(0)[:, None] * said).sum(0)
        loss = -mixed.clamp(min=SMALLEST).log().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return tuple(round(float(weight), 4) for weight in scores.detach().softmax(0))


def _said_of_truth(frame: FitFrame, rng: np.random.Generator) -> torch.Tensor:
    """Members' probabilities of the true label at some pixels, `[Q, P]`."""
    labels = frame.labels.long()
    valid = labels != VOID
    planes = frame.probabilities()
    rows = planes.argmax(1)
    differ = ((rows != rows[:1]).any(0) & valid).nonzero().numpy()
    agree = valid.nonzero().numpy()
    half = PIXELS_PER_FRAME // 2
    chosen = np.concatenate([rng.permutation(part)[:half] for part in (differ, agree)])
    y, x = torch.from_numpy(chosen).unbind(1)
    return planes[:, labels[y, x], y, x]
