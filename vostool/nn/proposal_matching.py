"""Which proposal is which object: similarity to templates, overlap with the last mask, matching.

DMN-AOA (paper 003). That templates are matched with proposals by DMM-Net's layer, with a learned
weight lambda, is stated; the layout of templates and the cost are our definition (METHODS B1, steps
4 to 7).

Axes: N objects, P proposals, C channels, s x s cells of a region, h x w features at stride 16,
h4 x w4 pixels at stride 4.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from vostool.core.types import ObjectProposals
from vostool.nn.alignment import AdaptiveAlignment, every_pair
from vostool.nn.assignment import MatchingLayer, Start
from vostool.nn.mask_proposals import tight_boxes
from vostool.nn.roi import roi_align

FEATURE_STRIDE, MASK_STRIDE = 16, 4
PAIRS_AT_ONCE = 150
"""Objects x proposals whose dynamic templates, 0.2 MB each, are held together."""


class TemplateMode(enum.Enum):
    """What proposals are compared with; the mean similarity where there are two."""

    FIRST = "first"
    """The object where its mask was given."""
    DYNAMIC = "dynamic"
    """What the object's memory says that the proposal should look like."""
    BOTH = "both"


@dataclass(frozen=True)
class Candidates:
    """Proposals of one image.

    Attributes:
        boxes: float32 `[P, 4]`, x0, y0, x1, y1 in pixels of the image.
        masks: float32 `[P, h4, w4]` in [0, 1], shares of the stride-4 cells.
    """

    boxes: torch.Tensor
    masks: torch.Tensor

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def of_masks(cls, masks: torch.Tensor) -> Candidates:
        """Bool masks `[P, h4, w4]` with their tight boxes."""
        return cls(tight_boxes(masks) * MASK_STRIDE, masks.float())

    @classmethod
    def joined(cls, parts: Sequence[Candidates]) -> Candidates:
        """All of several lists."""
        return cls(torch.cat([p.boxes for p in parts]), torch.cat([p.masks for p in parts]))

    def at(self, index: int) -> Candidates:
        """One of them."""
        return Candidates(self.boxes[index : index + 1], self.masks[index : index + 1])

    def regions(self, cells: int) -> torch.Tensor:
        """Each mask below its own box `[P, s, s]`, `cells` per side."""
        if not len(self):
            return self.masks.new_zeros((0, cells, cells))
        owner = torch.arange(len(self), device=self.boxes.device)
        return roi_align(self.masks[:, None], self.boxes, owner, cells, 1 / MASK_STRIDE)[:, 0]


@dataclass(frozen=True)
class Templates:
    """Objects as they were given (or one object in several views).

    Attributes:
        maps: `[N, C, s, s]`.
        masks: `[N, s, s]` in [0, 1]; all 0 for an object without a box.
    """

    maps: torch.Tensor
    masks: torch.Tensor

    @classmethod
    def joined(cls, parts: Sequence[Templates]) -> Templates:
        """All of several lists."""
        return cls(torch.cat([p.maps for p in parts]), torch.cat([p.masks for p in parts]))

    def at(self, index: int) -> Templates:
        """One of them."""
        return Templates(self.maps[index : index + 1], self.masks[index : index + 1])


class ProposalMatcher(nn.Module):
    """Costs of templates and proposals, and their soft assignment.

    Args:
        channels: C of values and read-outs.
        template_mode: what proposals are compared with.
        alignment: compare adaptively aligned regions; False compares their masked means.
        mask_prior: see `AdaptiveAlignment`.
        cells: s, of a region per side; 14 as in DMM-Net.
    """

    def __init__(
        self,
        channels: int,
        template_mode: TemplateMode = TemplateMode.BOTH,
        alignment: bool = True,
        mask_prior: bool = True,
        cells: int = 14,
        start: Start = Start.GREEDY,
    ):
        super().__init__()
        self.template_mode, self.cells = template_mode, cells
        width = min(channels, 128)
        self.alignment = (
            AdaptiveAlignment(channels, width, mask_prior=mask_prior) if alignment else None
        )
        self.layer = MatchingLayer(start=start)
        self.overlap_logit = nn.Parameter(torch.logit(torch.tensor(0.3)))
        self.absent_similarity = nn.Parameter(torch.zeros(()))

    @property
    def overlap_weight(self) -> torch.Tensor:
        """Lambda in (0, 1): how much the overlap with the last mask counts; 0.3 to begin with."""
        return self.overlap_logit.sigmoid()

    def similarity(
        self,
        templates: Templates,
        readout: torch.Tensor,
        value: torch.Tensor,
        candidates: Candidates,
    ) -> torch.Tensor:
        """How much each proposal looks like each object, float32 `[N, P]` in [-1, 1].

        Args:
            readout: `[N, C, h, w]`, what the objects' memories read for this frame.
            value: `[C, h, w]` of this frame.
        """
        count = len(candidates)
        if not count or not len(templates.maps):
            return value.new_zeros((len(templates.maps), count), dtype=torch.float32)
        same = torch.zeros(count, dtype=torch.long, device=value.device)
        proposals = roi_align(value[None], candidates.boxes, same, self.cells, 1 / FEATURE_STRIDE)
        masks = candidates.regions(self.cells)
        scores = []
        if self.template_mode is not TemplateMode.DYNAMIC:
            scores.append(self._compare_all(templates.maps, templates.masks, proposals, masks))
        if self.template_mode is not TemplateMode.FIRST:
            scores.append(self._compare_dynamic(readout, candidates.boxes, proposals, masks))
        return torch.stack(scores).mean(0)

    def attention(
        self, templates: Templates, value: torch.Tensor, candidates: Candidates
    ) -> torch.Tensor | None:
        """Where one template looks in one proposal, see `AdaptiveAlignment.attention`.

        None without alignment.

        Args:
            value: `[C, h, w]` of the frame.
        """
        if self.alignment is None:
            return None
        owner = torch.zeros(1, dtype=torch.long, device=value.device)
        region = roi_align(value[None], candidates.boxes, owner, self.cells, 1 / FEATURE_STRIDE)
        return self.alignment.attention(
            templates.maps[0], region[0], candidates.regions(self.cells)[0]
        )

    def _compare_all(
        self,
        templates: torch.Tensor,
        template_masks: torch.Tensor,
        proposals: torch.Tensor,
        masks: torch.Tensor,
    ) -> torch.Tensor:
        """One template per object with every proposal."""
        pairs = every_pair(len(templates), len(proposals))
        pairs = (pairs[0].to(proposals.device), pairs[1].to(proposals.device))
        flat = self._compare(templates, template_masks, proposals, masks, pairs)
        return flat.unflatten(0, (len(templates), len(proposals)))

    def _compare_dynamic(
        self,
        readout: torch.Tensor,
        boxes: torch.Tensor,
        proposals: torch.Tensor,
        masks: torch.Tensor,
    ) -> torch.Tensor:
        """A template per object and proposal: the read-out below the proposal's own box.

        Some objects at a time, so that with many objects no more memory is needed.
        """
        count = len(boxes)
        at_once = max(1, PAIRS_AT_ONCE // count)
        parts = []
        for some in readout.split(at_once):
            objects = len(some)
            owner = torch.arange(objects, device=boxes.device).repeat_interleave(count)
            templates = roi_align(
                some, boxes.repeat(objects, 1), owner, self.cells, 1 / FEATURE_STRIDE
            )
            index = torch.arange(count, device=boxes.device).repeat(objects)
            pairs = (torch.arange(objects * count, device=boxes.device), index)
            flat = self._compare(templates, masks[index], proposals, masks, pairs)
            parts.append(flat.unflatten(0, (objects, count)))
        return torch.cat(parts)

    def _compare(
        self,
        templates: torch.Tensor,
        template_masks: torch.Tensor,
        proposals: torch.Tensor,
        masks: torch.Tensor,
        pairs: tuple[torch.Tensor, torch.Tensor],
    ) -> torch.Tensor:
        if self.alignment is not None:
            return self.alignment(templates, template_masks, proposals, masks, pairs)
        one = masked_mean(templates, template_masks)[pairs[0]]
        return F.cosine_similarity(one, masked_mean(proposals, masks)[pairs[1]], dim=1)

    def cost(self, similarity: torch.Tensor, overlap: torch.Tensor) -> torch.Tensor:
        """`[N, P]` each -> costs `[N, P + N]`; the last N columns stand for "not there"."""
        weight = self.overlap_weight
        found = -((1 - weight) * similarity + weight * overlap)
        objects = len(similarity)
        return torch.cat([found, -self.absent_similarity.expand(objects, objects)], dim=1)

    def soft_assignment(self, costs: list[torch.Tensor]) -> list[torch.Tensor]:
        """The matching layer on problems of different size, in one batch.

        Few projections leave entries a little below 0: one of a hundredth at most, but with 50
        proposals they add up to half of a row. Rows are made distributions, so that masks weighted
        by them stay within [0, 1].
        """
        rows = max((len(cost) for cost in costs), default=0)
        columns = max((cost.shape[1] for cost in costs), default=0)
        if not rows or not columns:
            return costs
        padded = [F.pad(cost, (0, columns - cost.shape[1], 0, rows - len(cost))) for cost in costs]
        valid = [
            F.pad(
                torch.ones_like(cost, dtype=torch.bool),
                (0, columns - cost.shape[1], 0, rows - len(cost)),
            )
            for cost in costs
        ]
        together = self.layer(torch.stack(padded), torch.stack(valid))
        positive = together.clamp(min=0)
        shares = positive / positive.sum(-1, keepdim=True).clamp(min=1e-6)
        return [
            share[: len(cost), : cost.shape[1]] for share, cost in zip(shares, costs, strict=True)
        ]


def candidates_of(proposals: ObjectProposals) -> Candidates:
    """Proposals of an image `[H, W]`, both sides multiples of 4, on the stride-4 grid."""
    shares = F.avg_pool2d(proposals.masks[:, None].float(), MASK_STRIDE)[:, 0]
    return Candidates(proposals.boxes, shares)


def masked_mean(maps: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Mean of `[K, C, s, s]` over masks `[K, s, s]`, float32 `[K, C]`; 0 below an empty mask."""
    weights = masks[:, None].float()
    return (maps.float() * weights).sum((2, 3)) / weights.sum((2, 3)).clamp(min=1e-6)


def soft_overlap(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Soft intersection over union of `[N, h, w]` with `[P, h, w]`, both in [0, 1]; `[N, P]`."""
    first, second = one.flatten(1).float(), other.flatten(1).float()
    common = first @ second.T
    union = first.sum(1)[:, None] + second.sum(1)[None] - common
    return common / union.clamp(min=1e-6)


def templates_of(value: torch.Tensor, masks: torch.Tensor, cells: int) -> Templates:
    """Objects in the frame in which they are given.

    Args:
        value: `[C, h, w]`.
        masks: `[N, h4, w4]` in [0, 1].
        cells: s.
    """
    boxes = tight_boxes(masks >= 0.5) * MASK_STRIDE
    owner = torch.zeros(len(masks), dtype=torch.long, device=value.device)
    maps = roi_align(value[None], boxes, owner, cells, 1 / FEATURE_STRIDE)
    regions = Candidates(boxes, masks).regions(cells)
    there = (boxes[:, 2] > boxes[:, 0]).to(regions.dtype)
    return Templates(maps, regions * there[:, None, None])
