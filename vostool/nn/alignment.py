"""Adaptive object alignment: how alike a template and a proposal are, wherever their parts lie.

DMN-AOA (paper 003). A template location is compared with the mean of all proposal locations,
weighted by attention; that is stated in the paper. The mask prior in the attention, the projection
and its temperature are our definition (METHODS B1, step 5).

Axes: K templates, P proposals, R pairs of one of each, C channels, s x s locations.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

EPSILON = 1e-6


class AdaptiveAlignment(nn.Module):
    """Similarity of templates and proposals.

    Args:
        channels: C.
        width: channels of the shared projection in which locations attend.
        temperature: of the attention, in the beginning; it is learned.
        mask_prior: attend less to locations outside the proposal's mask.
        pairs_at_once: bounds the peak memory: so many pairs' affinities and aligned proposals,
            s^4 + C s^2 floats each (with s = 14 and C = 256: 0.35 MB), are held at a time when no
            gradient is needed.
    """

    def __init__(
        self,
        channels: int,
        width: int = 128,
        temperature: float = 0.07,
        mask_prior: bool = True,
        pairs_at_once: int = 128,
    ):
        super().__init__()
        self.project = nn.Conv2d(channels, width, 1)
        self.log_temperature = nn.Parameter(torch.tensor(math.log(temperature)))
        self.mask_prior, self.pairs_at_once = mask_prior, pairs_at_once

    def forward(
        self,
        templates: torch.Tensor,
        template_masks: torch.Tensor,
        proposals: torch.Tensor,
        proposal_masks: torch.Tensor,
        pairs: tuple[torch.Tensor, torch.Tensor],
    ) -> torch.Tensor:
        """Similarities `[R]` in [-1, 1], float32; 0 where the template's mask is empty.

        Args:
            templates: `[K, C, s, s]`, with soft masks `[K, s, s]` in [0, 1].
            proposals: `[P, C, s, s]`, with soft masks `[P, s, s]`.
            pairs: int64 `[R]` template and `[R]` proposal of each pair.
        """
        of_templates = self._of_templates(templates)
        of_proposals = self._of_proposals(proposals, proposal_masks)
        wanted = F.normalize(templates.flatten(2).float(), dim=1)
        weights = template_masks.flatten(1).float()
        values = proposals.flatten(2).float()
        parts = []
        for one, other in zip(
            pairs[0].split(self.pairs_at_once), pairs[1].split(self.pairs_at_once), strict=True
        ):
            attention = (of_templates[one] @ of_proposals[other].mT).softmax(-1)
            aligned = F.normalize(values[other] @ attention.mT, dim=1)
            alike = (wanted[one] * aligned).sum(1)
            total = weights[one].sum(-1).clamp(min=EPSILON)
            parts.append((alike * weights[one]).sum(-1) / total)
        if not parts:
            return templates.new_zeros(0, dtype=torch.float32)
        return torch.cat(parts)

    def attention(
        self, template: torch.Tensor, proposal: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Where each location of a template `[C, s, s]` looks in a proposal with its soft mask.

        Returns:
            `[s*s, s*s]` float32; rows sum to 1.
        """
        keys = self._of_proposals(proposal[None], mask[None])
        return (self._of_templates(template[None]) @ keys.mT).softmax(-1)[0]

    # The temperature and the prior go into the keys, so that affinities need one product.

    def _of_templates(self, templates: torch.Tensor) -> torch.Tensor:
        keys = self._keys(templates) / self.log_temperature.exp()
        return torch.cat([keys, torch.ones_like(keys[..., :1])], dim=-1)

    def _of_proposals(self, proposals: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        return torch.cat([self._keys(proposals), self._prior(masks)], dim=-1)

    def _keys(self, maps: torch.Tensor) -> torch.Tensor:
        """`[K, C, s, s]` -> unit vectors float32 `[K, s*s, width]`."""
        return F.normalize(self.project(maps).flatten(2).float(), dim=1).mT

    def _prior(self, masks: torch.Tensor) -> torch.Tensor:
        """What is added to every affinity with a proposal's location, `[P, s*s, 1]`."""
        flat = masks.flatten(1).float()
        prior = (flat + EPSILON).log() if self.mask_prior else torch.zeros_like(flat)
        return prior[..., None]


def every_pair(templates: int, proposals: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Indices of all pairs, template by template."""
    first = torch.arange(templates).repeat_interleave(proposals)
    return first, torch.arange(proposals).repeat(templates)
