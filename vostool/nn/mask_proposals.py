"""Proposals that need no learning: where objects were, moved and resized, and where memory points.

Our definition (METHODS B2, source 3), for DMN-AOA without a detector. Everything happens on one
feature grid (stride 4, say).

Axes: N objects, P proposals, h x w pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional as F

SHIFTS = (0.15, 0.3)
"""In box sizes; each in eight directions."""
SCALES = (0.85, 1.0, 1.15)
LEVELS = (0.3, 0.5, 0.7)
"""Thresholds of the read-out."""
SMALLEST_COMPONENT = 4
"""Pixels."""
LARGEST_OVERLAP = 0.9
UNITED = 5
"""Of so many proposals that overlap an object's last mask, all pairs are united, too."""


@dataclass(frozen=True)
class MaskProposals:
    """Candidates for objects on a feature grid.

    Attributes:
        masks: bool `[P, h, w]`, none empty, best score first.
        scores: float32 `[P]` in [0, 1].
    """

    masks: torch.Tensor
    scores: torch.Tensor

    def __len__(self) -> int:
        return len(self.masks)

    @property
    def boxes(self) -> torch.Tensor:
        """Tight boxes float32 `[P, 4]` as x0, y0, x1, y1 in pixels of the grid."""
        return tight_boxes(self.masks)


def propose(previous: torch.Tensor, readout: torch.Tensor, most: int = 50) -> MaskProposals:
    """Candidates for the objects of the current frame.

    Args:
        previous: `[N, h, w]` probabilities of the last frame.
        readout: `[N, h, w]` in [0, 1], how much memory takes each pixel for each object.
        most: how many to return at most; an object's own last mask is always among them where it
            is not empty and no other candidate stands for it.

    Returns:
        As many as there are: none where all objects were absent and memory points nowhere.
    """
    last = previous >= 0.5
    candidates = torch.cat([moved_masks(last), components(readout)])
    candidates = candidates[candidates.flatten(1).any(1)]
    if not len(candidates):
        return MaskProposals(candidates, readout.new_zeros(0, dtype=torch.float32))
    best = readout.float().amax(0) if len(readout) else readout.new_zeros(candidates.shape[1:])
    candidates = torch.cat([candidates, unions(candidates, last, best)])
    scores = _mean_inside(candidates, best)
    kept = suppress(candidates, scores, LARGEST_OVERLAP, most)
    return MaskProposals(candidates[kept], scores[kept])


def tight_boxes(masks: torch.Tensor) -> torch.Tensor:
    """Boxes float32 `[P, 4]` around bool masks `[P, h, w]`; all zero for an empty one."""
    sides = []
    for axis, other in ((2, 1), (1, 2)):
        covered = masks.any(other)
        positions = torch.arange(covered.shape[1], device=masks.device)
        first = torch.where(covered, positions, masks.shape[axis]).amin(1)
        last = torch.where(covered, positions + 1, 0).amax(1)
        sides.append((torch.minimum(first, last), last))
    (x0, x1), (y0, y1) = sides
    return torch.stack([x0, y0, x1, y1], dim=1).float()


def moved_masks(masks: torch.Tensor) -> torch.Tensor:
    """Each bool mask `[N, h, w]` under all shifts and scales about its box; `[N * 51, h, w]`.

    Empty masks are left out.
    """
    masks = masks[masks.flatten(1).any(1)]
    if not len(masks):
        return masks
    height, width = masks.shape[1:]
    moves = torch.tensor(_moves(), device=masks.device)
    x0, y0, x1, y1 = tight_boxes(masks)[:, None].unbind(-1)
    centre_x, centre_y, side_x, side_y = (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0
    dx, dy, scale = moves.unbind(-1)
    # Where a pixel of the result comes from: the move, backwards.
    columns = (torch.arange(width, device=masks.device) + 0.5)[:, None, None]
    rows = (torch.arange(height, device=masks.device) + 0.5)[:, None, None]
    from_x = (columns - centre_x - dx * side_x) / scale + centre_x
    from_y = (rows - centre_y - dy * side_y) / scale + centre_y
    grid = torch.stack(
        [
            (2 * from_x / width - 1).permute(1, 2, 0)[:, :, None].expand(-1, -1, height, -1),
            (2 * from_y / height - 1).permute(1, 2, 0)[..., None].expand(-1, -1, -1, width),
        ],
        dim=-1,
    )
    sources = masks.float()[:, None]
    moved = F.grid_sample(sources, grid.flatten(1, 2), mode="nearest", align_corners=False)
    return (moved[:, 0] > 0.5).unflatten(1, (len(moves), height)).flatten(0, 1)


def jittered(masks: torch.Tensor, each: int = 6) -> torch.Tensor:
    """Each bool mask `[N, h, w]` as it is and `each` times moved at random: a perfect detector's.

    For training and tests only, since it needs the truth. Empty masks are left out.
    """
    masks = masks[masks.flatten(1).any(1)]
    if not len(masks):
        return masks
    moved = moved_masks(masks).unflatten(0, (len(masks), -1))
    chosen = torch.stack([torch.randperm(moved.shape[1])[:each] for _ in masks]).to(masks.device)
    some = moved[torch.arange(len(masks), device=masks.device)[:, None], chosen].flatten(0, 1)
    found = torch.cat([masks, some])
    return found[found.flatten(1).any(1)]


def _moves() -> list[tuple[float, float, float]]:
    """(dx, dy, scale): 17 shifts x 3 scales."""
    directions = [(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if (x, y) != (0, 0)]
    shifts = [(0.0, 0.0)] + [(x * by, y * by) for by in SHIFTS for x, y in directions]
    return [(dx, dy, scale) for dx, dy in shifts for scale in SCALES]


def components(readout: torch.Tensor) -> torch.Tensor:
    """Connected components (8 neighbours) of a read-out `[N, h, w]` above each level, bool."""
    found = []
    for plane in readout.detach().float().cpu().numpy():
        for level in LEVELS:
            labels, count = ndimage.label(plane >= level, structure=np.ones((3, 3)))
            for label in range(1, count + 1):
                component = labels == label
                if component.sum() >= SMALLEST_COMPONENT:
                    found.append(torch.from_numpy(component))
    if not found:
        return torch.zeros((0, *readout.shape[1:]), dtype=torch.bool, device=readout.device)
    return torch.stack(found).to(readout.device)


def unions(candidates: torch.Tensor, last: torch.Tensor, readout: torch.Tensor) -> torch.Tensor:
    """Unions of two candidates that overlap the same object's last mask (objects of two parts)."""
    united = []
    overlaps = overlap_matrix(candidates, last)
    scores = _mean_inside(candidates, readout)
    for column in overlaps.unbind(1):
        near = (column > 0).nonzero()[:, 0]
        order = near[scores[near].argsort(descending=True, stable=True)]
        # What is nearly the same mask adds nothing to a union.
        chosen = order[suppress(candidates[order], scores[order], 0.7, UNITED)]
        for i, first in enumerate(chosen):
            for second in chosen[i + 1 :]:
                united.append(candidates[first] | candidates[second])
    return torch.stack(united) if united else candidates[:0]


def overlap_matrix(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Intersection over union of all pairs of bool masks `[P, h, w]`, `[Q, h, w]`; `[P, Q]`."""
    flat, other_flat = one.flatten(1).float(), other.flatten(1).float()
    common = flat @ other_flat.T
    union = flat.sum(1)[:, None] + other_flat.sum(1)[None] - common
    return common / union.clamp(min=1)


def suppress(
    masks: torch.Tensor, scores: torch.Tensor, largest_overlap: float, most: int
) -> torch.Tensor:
    """Indices of at most `most` masks, best first, without those much like a better one."""
    order = scores.argsort(descending=True, stable=True)
    similar = (overlap_matrix(masks[order], masks[order]) > largest_overlap).cpu().numpy()
    alive = np.ones(len(order), bool)
    kept: list[int] = []
    for index in range(len(order)):
        if alive[index]:
            kept.append(index)
            if len(kept) == most:
                break
            alive &= ~similar[index]
    return order[torch.tensor(kept, dtype=torch.long, device=order.device)]


def _mean_inside(masks: torch.Tensor, plane: torch.Tensor) -> torch.Tensor:
    """Mean of `[h, w]` over each mask, float32 `[P]`."""
    flat = masks.flatten(1).float()
    return flat @ plane.flatten().float() / flat.sum(1).clamp(min=1)
