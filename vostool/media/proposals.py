"""Object proposals seen through the geometry of their image: resized, flipped, padded, cropped."""

from __future__ import annotations

import torch

from vostool.core.types import ObjectProposals
from vostool.media import geometry
from vostool.media.geometry import Padding


def resize(
    proposals: ObjectProposals, size: tuple[int, int], *, aligned: bool = False
) -> ObjectProposals:
    """To an image of another height and width; masks by nearest neighbour, which may lose some.

    Args:
        aligned: see `geometry`.
    """
    height, width = proposals.masks.shape[-2:]
    if (height, width) == tuple(size):
        return proposals
    # Aligned corners: centres of pixels, half a pixel from their edges, are what is scaled.
    shift, less = (0.5, 1) if aligned else (0.0, 0)
    factors = proposals.boxes.new_tensor(
        [(size[1] - less) / max(width - less, 1), (size[0] - less) / max(height - less, 1)] * 2
    )
    masks = proposals.masks.new_zeros((len(proposals), *size))
    if len(proposals):
        masks = geometry.resize_nearest(proposals.masks.float(), size, aligned=aligned) > 0
    boxes = (proposals.boxes - shift) * factors + shift
    return ObjectProposals(boxes, proposals.scores, masks)


def flip(proposals: ObjectProposals) -> ObjectProposals:
    """Mirror left and right; its own inverse."""
    x0, y0, x1, y1 = proposals.boxes.unbind(1)
    width = proposals.masks.shape[-1]
    boxes = torch.stack([width - x1, y0, width - x0, y1], dim=1)
    return ObjectProposals(boxes, proposals.scores, geometry.flip(proposals.masks))


def pad(proposals: ObjectProposals, padding: Padding) -> ObjectProposals:
    """Into an image with a border, where no object is."""
    shift = proposals.boxes.new_tensor([padding.left, padding.top] * 2)
    masks = geometry.pad(proposals.masks.float(), padding) > 0
    return ObjectProposals(proposals.boxes + shift, proposals.scores, masks)


def crop(
    proposals: ObjectProposals, corner: tuple[int, int], window: tuple[int, int]
) -> ObjectProposals:
    """Those that have a pixel in a window (height, width) at a corner (row, column)."""
    (top, left), (height, width) = corner, window
    masks = proposals.masks[:, top : top + height, left : left + width]
    seen = masks.flatten(1).any(1)
    boxes = proposals.boxes[seen] - proposals.boxes.new_tensor([left, top] * 2)
    limits = boxes.new_tensor([width, height] * 2)
    return ObjectProposals(boxes.clamp(min=0).minimum(limits), proposals.scores[seen], masks[seen])
