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
        template_keys = self._keys(templates)
        proposal_keys = self._keys(proposals)
        prior = (proposal_masks.flatten(1).float() + EPSILON).log()
        parts = []
        for some_templates, some_proposals in zip(
            pairs[0].split(self.pairs_at_once), pairs[1].split(self.pairs_at_once), strict=True
        ):
            affinity = template_keys[some_templates] @ proposal_keys[some_proposals].mT
            affinity = affinity.float() / self.log_temperature.exp()
            if self.mask_prior:
                affinity = affinity + prior[some_proposals][:, None]
            values = proposals[some_proposals].flatten(2).float()
            aligned = values @ affinity.softmax(-1).mT
            wanted = templates[some_templates].flatten(2).float()
            weights = template_masks[some_templates].flatten(1).float()
            alike = F.cosine_similarity(wanted, aligned, dim=1)
            parts.append((alike * weights).sum(-1) / weights.sum(-1).clamp(min=EPSILON))
        if not parts:
            return templates.new_zeros(0, dtype=torch.float32)
        return torch.cat(parts)

    def _keys(self, maps: torch.Tensor) -> torch.Tensor:
        """`[K, C, s, s]` -> unit vectors `[K, s*s, width]`."""
        return F.normalize(self.project(maps).flatten(2), dim=1).mT


def every_pair(templates: int, proposals: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Indices of all pairs, template by template."""
    first = torch.arange(templates).repeat_interleave(proposals)
    return first, torch.arange(proposals).repeat(templates)
