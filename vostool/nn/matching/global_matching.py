"""Global matching: distance of each pixel to the nearest reference pixel of each instance.

Axes: V views, K = N + 1 instances (background first), C channels, h x w feature pixels,
n reference pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from vostool.nn.matching.found import with_gradient

DISTANCES_AT_ONCE = 1 << 20
"""Distances between query and reference pixels that are held at once (4 MiB of float32)."""


@dataclass
class ReferenceSet:
    """Pixels of the frames whose masks are given, by instance.

    Reference labels are hard, so each pixel belongs to one instance, and each distance is computed
    once however many instances there are.

    Attributes:
        pixels: per view and instance, embeddings float32 `[n, C]`.
    """

    pixels: list[list[torch.Tensor]] = field(default_factory=list)

    def add(
        self, embedding: torch.Tensor, labels: torch.Tensor, instances: int, rate: int = 1
    ) -> None:
        """Append a frame: embedding `[V, C, h, w]`, labels int64 `[V, h, w]`.

        Args:
            instances: K at this time, at least that of the call before.
            rate: only every so-many-th row and column is taken (CFBI+'s atrous matching).
        """
        kept = embedding[..., ::rate, ::rate].float().flatten(2).transpose(1, 2)
        owner = labels[:, ::rate, ::rate].flatten(1)
        self.pixels = self.pixels or [[] for _ in kept]
        for view, groups in enumerate(self.pixels):
            for instance in range(instances):
                found = kept[view][owner[view] == instance]
                if instance < len(groups):
                    groups[instance] = torch.cat([groups[instance], found])
                else:
                    groups.append(found)

    def nearest(self, query: torch.Tensor) -> torch.Tensor:
        """Squared distance to the nearest pixel of each instance.

        Args:
            query: embedding `[V, C, h, w]`.

        Returns:
            float32 `[V, K, h, w]`; infinite where an instance has no reference pixel.
        """
        size = query.shape[-2:]
        rows = query.float().flatten(2).transpose(1, 2)
        with torch.autocast(query.device.type, enabled=False):
            found = [
                torch.stack([nearest_squared(row, group) for group in groups])
                for row, groups in zip(rows, self.pixels, strict=True)
            ]
        return torch.stack(found).unflatten(2, size)


def nearest_squared(query: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """min over r of |q - r|^2, exact, with at most `DISTANCES_AT_ONCE` distances in memory.

    Gradients are those of the nearest pixel.

    Args:
        query: float32 `[q, C]`; reference: float32 `[n, C]`.

    Returns:
        float32 `[q]`, infinite if n = 0.
    """
    if not len(reference):
        return query.new_full((len(query),), float("inf"))
    needs_gradient = torch.is_grad_enabled() and (query.requires_grad or reference.requires_grad)
    with torch.no_grad():
        # |q - r|^2 = |q|^2 + (-2 q, 1) . (r, |r|^2): one product, and the minimum needs no more.
        long = torch.cat([reference, reference.square().sum(1, keepdim=True)], 1).t()
        lengths = query.square().sum(1)
        short = torch.cat([-2 * query, torch.ones_like(query[:, :1])], 1)
        chunks = short.split(max(1, DISTANCES_AT_ONCE // len(reference)))
        if not needs_gradient:
            return lengths + torch.cat([_smallest_product(part, long) for part in chunks])
        found = [(part @ long).min(1) for part in chunks]
        squared = lengths + torch.cat([part.values for part in found])
        place = torch.cat([part.indices for part in found])
    return with_gradient(squared[None], place[None], query, reference)[0]


def _smallest_product(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """Smallest entry of each row of `[q, C] @ [C, n]`."""
    return (rows @ columns).amin(1)
