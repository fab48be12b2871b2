"""Per-instance tensors: what matching says of each instance, and the embeddings it is told.

Axes: V views, K instances (background first), M = V * K rows, C channels, h x w feature pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from vostool.nn.matching.distance import (
    BoundedDistance,
    background_counterpart,
    one_hot_instances,
)
from vostool.nn.matching.global_matching import ReferenceSet
from vostool.nn.matching.local_matching import halved_local_nearest, local_nearest

PREHEAD_GROUP = 4
"""Channels per group of the pre-head's GroupNorm."""


@dataclass(frozen=True)
class MatchingPlan:
    """How one scale is matched.

    Attributes:
        windows: of local matching, pixels of this scale.
        channels: the first so many of the embedding are compared; None for all.
        global_rate: only every so-many-th reference row and column counts.
        local_rate: offsets within windows are multiples of it.
        training_rate: the same while training, where it saves most of the time.
        halved: local matching on maps of half the size, enlarged again; windows are those maps'.
    """

    windows: tuple[int, ...]
    channels: int | None = None
    global_rate: int = 1
    local_rate: int = 1
    halved: bool = False
    training_rate: int = 1

    @property
    def planes(self) -> int:
        """Planes per instance: global and local matching, their counterparts, the mask."""
        return 3 + 2 * len(self.windows)


class MatchedPlanes(nn.Module):
    """Global and local matching of one scale, with learned biases.

    Args:
        plan: see `MatchingPlan`.
    """

    def __init__(self, plan: MatchingPlan):
        super().__init__()
        self.plan = plan
        self.distance = BoundedDistance()

    def compared(self, embedding: torch.Tensor) -> torch.Tensor:
        """The channels that are matched, `[V, C', h, w]`."""
        return embedding[:, : self.plan.channels]

    def add_reference(
        self, reference: ReferenceSet, embedding: torch.Tensor, labels: torch.Tensor, instances: int
    ) -> None:
        """Append a frame whose mask is given, labels int64 `[V, h, w]`."""
        rate = self.plan.training_rate if self.training else self.plan.global_rate
        reference.add(self.compared(embedding), labels, instances, rate)

    def forward(
        self,
        current: torch.Tensor,
        previous: torch.Tensor,
        labels: torch.Tensor,
        reference: ReferenceSet,
        instances: int,
    ) -> torch.Tensor:
        """Planes `[V, K, planes, h, w]`: global, local, mask, local and global counterparts.

        Args:
            current, previous: embeddings `[V, C, h, w]`.
            labels: hard labels of the previous frame, int64 `[V, h, w]`.
            reference: pixels of the given frames.
            instances: K.
        """
        query, before = self.compared(current), self.compared(previous)
        whole = self.distance(reference.nearest(query))[:, :, None]
        near = self._local(query, before, labels, instances)
        mask = one_hot_instances(labels, instances)[:, :, None]
        parts = [whole, near, mask, background_counterpart(near), background_counterpart(whole)]
        return torch.cat(parts, 2)

    def _local(
        self, query: torch.Tensor, before: torch.Tensor, labels: torch.Tensor, instances: int
    ) -> torch.Tensor:
        """`[V, K, n, h, w]`."""
        plan = self.plan
        if not plan.halved:
            found = local_nearest(query, before, labels, instances, plan.windows, plan.local_rate)
            return self.distance(found)
        small = halved_local_nearest(query, before, labels, instances, plan.windows)
        near = self.distance(small).flatten(0, 1)
        size = query.shape[2:]
        large = F.interpolate(near, size, mode="bilinear", align_corners=True)
        return large.unflatten(0, (-1, instances))


class PlaneHead(nn.Module):
    """Planes -> features by a 1x1 convolution with GroupNorm and ReLU (CFBI's pre-head)."""

    def __init__(self, planes: int, channels: int = 64):
        super().__init__()
        self.conv = nn.Conv2d(planes, channels, 1)
        self.norm = nn.GroupNorm(channels // PREHEAD_GROUP, channels)

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        """`[M, P, h, w]` -> `[M, C, h, w]`."""
        return F.relu(self.norm(self.conv(planes)))


def told_embeddings(
    current: torch.Tensor, previous: torch.Tensor, masks: torch.Tensor
) -> Sequence[torch.Tensor]:
    """This frame's embedding, the previous one's within the instance and that outside of it.

    Args:
        current, previous: `[V, C, h, w]`.
        masks: hard masks of the previous frame, `[V, K, h, w]`.

    Returns:
        three of `[M, C, h, w]`.
    """
    instances = masks.shape[1]
    now = current[:, None].expand(-1, instances, -1, -1, -1)
    inside = previous[:, None] * masks[:, :, None].to(previous.dtype)
    outside = previous[:, None] - inside
    return [part.flatten(0, 1) for part in (now, inside, outside)]
