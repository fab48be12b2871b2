"""DMN-AOA: dynamic memory, adaptive object alignment, matching of proposals, refinement.

Liang et al., ICCV 2021; paper 003 is its supplement. What comes from where:

- Documented (supplement): object pixels of the current frame read every memory pixel; templates
  are aligned with proposals by a weighted mean over all proposal locations; the matching layer of
  DMM-Net with 10 steps, 5 projections, 0.1 and a learned weight; a RefineNet after the coarse mask.
- From cited work (DMM-Net): 50 proposals, regions of 14 x 14, overlap with the last mask in the
  cost, lambda 0.3 to begin with, the greedy start.
- Our definition: the encoder, its widths, the layout of templates, the mask prior, the null
  columns, RefineNet's architecture (STM's decoder), proposals without a detector.
"""

from __future__ import annotations

from vostool.models.proposal_config import ProposalConfig
from vostool.models.proposal_network import ProposalNetwork


class Config(ProposalConfig):
    """Choices of DMN-AOA; see `ProposalConfig`. The defaults are the whole network."""


def build(config: Config) -> ProposalNetwork:
    """The network of a configuration, weights as it says."""
    return ProposalNetwork(config)
