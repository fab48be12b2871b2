"""Multi-local matching: distance to the nearest pixel of each instance near the same place.

Axes: V views, K instances (background first), C channels, h x w feature pixels, n windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from vostool.nn.matching.distance import labels_at

BLOCK = 32
"""Columns whose distances to a row of their neighbourhood are one matrix product."""
NOWHERE = -1
"""Label of pixels outside the frame."""


def stored_order(windows: Sequence[int]) -> tuple[int, ...]:
    """The order in which windows are channels: the largest first, then ascending (CFBI)."""
    return (max(windows), *sorted(windows)[:-1])


def local_nearest(
    query: torch.Tensor,
    previous: torch.Tensor,
    labels: torch.Tensor,
    instances: int,
    windows: Sequence[int],
    rate: int = 1,
) -> torch.Tensor:
    """Squared distance to the nearest previous pixel of each instance within each window.

    A window k holds the pixels whose row and column differ by at most k; with a rate r only by
    multiples of r, so that it reaches (k // r) * r. Distances of the largest window are computed
    once, one vertical offset at a time: at most V * h * w * (1 + 2 * reach / 32) of them are held.

    Args:
        query, previous: embeddings `[V, C, h, w]` of this and of the previous frame.
        labels: hard labels of the previous frame, int64 `[V, h, w]`.
        instances: K.
        windows: sizes k, all different.
        rate: of atrous matching.

    Returns:
        float32 `[V, K, n, h, w]` in `stored_order`; infinite where a window has no pixel of it.
    """
    height, width = query.shape[-2:]
    down, right = -height % rate, -width % rate
    query = F.pad(query.float(), (0, right, 0, down))
    previous = F.pad(previous.float(), (0, right, 0, down))
    labels = F.pad(labels, (0, right, 0, down), value=NOWHERE)
    reaches = [window // rate for window in sorted(windows)]
    with torch.autocast(query.device.type, enabled=False):
        found = _dense_nearest(
            _phases(query, rate), _phases(previous, rate), _phases(labels, rate), instances, reaches
        )
    joined = _joined(found, rate)[..., :height, :width]
    return torch.cat([joined[:, :, -1:], joined[:, :, :-1]], dim=2)


def halved_local_nearest(
    query: torch.Tensor,
    previous: torch.Tensor,
    labels: torch.Tensor,
    instances: int,
    windows: Sequence[int],
) -> torch.Tensor:
    """`local_nearest` on maps of `(h // 2 + 1, w // 2 + 1)`, as CFBI does; sizes are those maps'.

    Embeddings are resized bilinearly with aligned corners, labels to the nearest.
    """
    size = (query.shape[-2] // 2 + 1, query.shape[-1] // 2 + 1)
    small, before = (
        F.interpolate(part.float(), size, mode="bilinear", align_corners=True)
        for part in (query, previous)
    )
    return local_nearest(small, before, labels_at(labels, size), instances, windows)


def _phases(maps: torch.Tensor, rate: int) -> torch.Tensor:
    """`[V, ..., h, w]` -> `[V * rate^2, ..., h / rate, w / rate]`: pixels `rate` apart together."""
    if rate == 1:
        return maps
    parts = [maps[..., y::rate, x::rate] for y in range(rate) for x in range(rate)]
    return torch.stack(parts, dim=1).flatten(0, 1)


def _joined(maps: torch.Tensor, rate: int) -> torch.Tensor:
    """The reverse of `_phases`, for `[V * rate^2, K, n, h, w]`."""
    if rate == 1:
        return maps
    parts = maps.unflatten(0, (-1, rate, rate))
    return parts.permute(0, 3, 4, 5, 1, 6, 2).flatten(5, 6).flatten(3, 4)


def _dense_nearest(
    query: torch.Tensor,
    previous: torch.Tensor,
    labels: torch.Tensor,
    instances: int,
    reaches: Sequence[int],
) -> torch.Tensor:
    """`local_nearest` without rate; reaches ascending, the result `[B, K, n, h, w]` in order."""
    height, width = query.shape[-2:]
    most = reaches[-1]
    fill = -width % BLOCK
    rows = _query_blocks(F.pad(query, (0, fill)))
    long = torch.cat([previous, previous.square().sum(1, keepdim=True)], 1)
    long = F.pad(long, (most, most + fill, most, most))
    owner = F.pad(labels, (most, most + fill, most, most), value=NOWHERE)
    best = [query.new_full((len(query), instances, height, width), float("inf")) for _ in reaches]
    keep = torch.is_grad_enabled() and (query.requires_grad or previous.requires_grad)
    for offset in range(2 * most + 1):
        wanted = [reach for reach in reaches if reach >= abs(offset - most)]
        line = long[:, :, offset : offset + height]
        place = owner[:, offset : offset + height]
        arguments = (rows, line, place, instances, wanted, most, width)
        found = (
            checkpoint(_nearest_in_row, *arguments, use_reentrant=False)
            if keep
            else _nearest_in_row(*arguments)
        )
        first = len(reaches) - len(wanted)
        for index in range(len(wanted)):
            best[first + index] = torch.minimum(best[first + index], found[:, :, index])
    lengths = query.square().sum(1)[:, None, None]
    return torch.stack(best, dim=2) + lengths


def _query_blocks(query: torch.Tensor) -> torch.Tensor:
    """`[B, C, h, w]` -> (-2 q, 1) as `[B, h, w / BLOCK, BLOCK, C + 1]`."""
    rows = torch.cat([-2 * query, torch.ones_like(query[:, :1])], 1)
    return rows.unflatten(3, (-1, BLOCK)).permute(0, 2, 3, 4, 1).contiguous()


def _nearest_in_row(
    rows: torch.Tensor,
    line: torch.Tensor,
    owner: torch.Tensor,
    instances: int,
    reaches: Sequence[int],
    most: int,
    width: int,
) -> torch.Tensor:
    """Smallest |r|^2 - 2 q.r of each instance over one row of the neighbourhood.

    Args:
        rows: of `_query_blocks`.
        line: (r, |r|^2) `[B, C + 1, h, w + 2 * most]`, the row that each query row meets.
        owner: its labels `[B, h, w + 2 * most]`.
        reaches: columns to each side, ascending.

    Returns:
        `[B, K, n, h, w]`.
    """
    reach = reaches[-1]
    line = line[..., most - reach : line.shape[-1] - most + reach]
    owner = owner[..., most - reach : owner.shape[-1] - most + reach]
    span = BLOCK + 2 * reach
    blocks = line.unfold(3, span, BLOCK).permute(0, 2, 3, 1, 4)
    band = _band(rows @ blocks, 2 * reach + 1)[..., :width]
    labels = owner.unfold(2, 2 * reach + 1, 1).permute(3, 0, 1, 2)[..., :width]
    found = []
    for instance in range(instances):
        own = band.masked_fill(labels != instance, float("inf"))
        found.append(_nested_minima(own, reaches))
    return torch.stack(found, dim=1)


def _band(products: torch.Tensor, breadth: int) -> torch.Tensor:
    """Entries j..j + breadth - 1 of each row j: `[B, h, n, BLOCK, span]` -> `[breadth, B, h, w]`.

    The offset comes first, so that minima over it run along whole rows of pixels.
    """
    span = products.shape[-1]
    flat = products.flatten(3)
    starts = flat.as_strided(
        (*flat.shape[:3], BLOCK, breadth), (*flat.stride()[:3], span + 1, 1), flat.storage_offset()
    )
    return starts.permute(4, 0, 1, 2, 3).flatten(3).contiguous()


def _nested_minima(band: torch.Tensor, reaches: Sequence[int]) -> torch.Tensor:
    """Minima over the middle 2 * reach + 1 offsets of `[breadth, B, h, w]` -> `[B, n, h, w]`."""
    middle = reaches[-1]
    best = band[middle - reaches[0] : middle + reaches[0] + 1].amin(0)
    found = [best]
    for inner, outer in pairwise(reaches):
        if outer > inner:  # windows of a coarse rate may reach equally far
            left = band[middle - outer : middle - inner].amin(0)
            right = band[middle + inner + 1 : middle + outer + 1].amin(0)
            best = torch.minimum(best, torch.minimum(left, right))
        found.append(best)
    return torch.stack(found, dim=1)
