"""Multi-local matching: distance to the nearest pixel of each instance near the same place.

Axes: V views, K instances (background first), C channels, h x w feature pixels, n windows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch.nn import functional as F

from vostool.nn.matching.distance import labels_at
from vostool.nn.matching.found import with_gradient

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
    needs_gradient = torch.is_grad_enabled() and (query.requires_grad or previous.requires_grad)
    with torch.no_grad():
        squared, step = _search(query, previous, labels, instances, reaches, needs_gradient)
    if step is None:
        return squared
    pixels = torch.arange(labels.numel(), device=step.device).view(labels.shape)
    place = step + pixels[:, None, None]
    searches = [part.permute(1, 2, 0, 3, 4).flatten(2).flatten(0, 1) for part in (squared, place)]
    rows = [maps.permute(0, 2, 3, 1).flatten(0, 2) for maps in (query, previous)]
    found = with_gradient(*searches, *rows).view(instances, len(reaches), *labels.shape)
    return found.permute(2, 0, 1, 3, 4)


def _search(
    query: torch.Tensor,
    previous: torch.Tensor,
    labels: torch.Tensor,
    instances: int,
    reaches: Sequence[int],
    steps: bool,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Squared distances `[B, K, n, h, w]` and, if asked for, the steps to the pixels found.

    A step is dy * w + dx, 0 where nothing was found.
    """
    height, width = query.shape[-2:]
    most = reaches[-1]
    fill = -width % BLOCK
    rows = _query_blocks(F.pad(query, (0, fill)))
    long = torch.cat([previous, previous.square().sum(1, keepdim=True)], 1)
    long = F.pad(long, (most, most + fill, most, most))
    owner = F.pad(labels, (most, most + fill, most, most), value=NOWHERE)
    shape = (len(query), instances, len(reaches), height, width)
    best = query.new_full(shape, float("inf"))
    step = labels.new_zeros(shape) if steps else None
    for offset in range(2 * most + 1):
        wanted = [reach for reach in reaches if reach >= abs(offset - most)]
        line, place = (part[..., offset : offset + height, :] for part in (long, owner))
        groups = _by_instance(*_row_bands(rows, line, place, wanted[-1], most, width), instances)
        so_far = best[:, :, len(reaches) - len(wanted) :]
        if step is None:
            found = torch.stack([_nested_minima(own, wanted) for own in groups], dim=1)
            so_far.copy_(torch.minimum(so_far, found))
        else:
            pairs = zip(*(_nested_places(own, wanted) for own in groups), strict=True)
            found, column = (torch.stack(part, dim=1) for part in pairs)
            steps_so_far = step[:, :, len(reaches) - len(wanted) :]
            nearer = found < so_far
            steps_so_far.copy_(torch.where(nearer, column + (offset - most) * width, steps_so_far))
            so_far.copy_(torch.where(nearer, found, so_far))
    return best + query.square().sum(1)[:, None, None], step


def _query_blocks(query: torch.Tensor) -> torch.Tensor:
    """`[B, C, h, w]` -> (-2 q, 1) as `[B, h, w / BLOCK, BLOCK, C + 1]`."""
    rows = torch.cat([-2 * query, torch.ones_like(query[:, :1])], 1)
    return rows.unflatten(3, (-1, BLOCK)).permute(0, 2, 3, 4, 1).contiguous()


def _row_bands(
    rows: torch.Tensor, line: torch.Tensor, owner: torch.Tensor, reach: int, most: int, width: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """|r|^2 - 2 q.r of each pixel with one row of its neighbourhood, and whose the pixels r are.

    Args:
        rows: of `_query_blocks`.
        line: (r, |r|^2) `[B, C + 1, h, w + 2 * most]`, the row that each query row meets.
        owner: its labels `[B, h, w + 2 * most]`.
        reach: columns to each side.

    Returns:
        `[2 * reach + 1, B, h, w]` each.
    """
    line = line[..., most - reach : line.shape[-1] - most + reach]
    owner = owner[..., most - reach : owner.shape[-1] - most + reach]
    blocks = line.unfold(3, BLOCK + 2 * reach, BLOCK).permute(0, 2, 3, 1, 4)
    band = _band(rows @ blocks, 2 * reach + 1)[..., :width]
    return band, owner.unfold(2, 2 * reach + 1, 1).permute(3, 0, 1, 2)[..., :width]


def _by_instance(
    band: torch.Tensor, labels: torch.Tensor, instances: int
) -> Iterator[torch.Tensor]:
    """The band with infinity at the pixels of others, one instance after the other."""
    return (band.masked_fill(labels != instance, float("inf")) for instance in range(instances))


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


def _nested_places(band: torch.Tensor, reaches: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """`_nested_minima` and their columns, -reach..reach: slower, for gradients."""
    middle = reaches[-1]
    best, column = band[middle - reaches[0] : middle + reaches[0] + 1].min(0)
    column = column - reaches[0]
    found = [(best, column)]
    for inner, outer in pairwise(reaches):
        if outer > inner:
            for start, stop in ((-outer, -inner), (inner + 1, outer + 1)):
                near, index = band[middle + start : middle + stop].min(0)
                column = torch.where(near < best, index + start, column)
                best = torch.minimum(best, near)
        found.append((best, column))
    values, columns = zip(*found, strict=True)
    return torch.stack(values, dim=1), torch.stack(columns, dim=1)
