"""CAMN: Collaborative Attention Memory Network (Huang et al., arXiv 2205.08075, paper 002).

CFBI+'s matching with given frames and the previous frame, joined by a foreground-background memory
over all past frames, with object context and pyramid attention. Every part can be left out; with
all of them off it is CFBI+, and with `neck = "none"` CFBI.

The paper gives no layer sizes, so they are those of CFBI's published code. Where our definition
differs on purpose: what the memory reads joins the ensembler through weights of its own that begin
at zero (the paper does not say how it joins), distances are computed in float32 whatever the
precision, instances without reference pixels are infinitely far instead of 50,000, and a reference
frame's instance vector counts all pixels (published training counts every fourth:
`sampled_vectors`).
"""

from __future__ import annotations

from typing import Literal

from vostool.models.matching_config import MatchingConfig
from vostool.models.matching_network import MatchingNetwork


class Config(MatchingConfig):
    """Choices of CAMN; see `MatchingConfig`. The defaults are the whole network."""

    object_context: Literal["off", "base", "asp"] = "base"
    pyramid_attention: Literal["off", "head", "head-transposed"] = "head"
    memory: Literal["off", "multiply", "prior"] = "multiply"


def build(config: Config) -> MatchingNetwork:
    """The network of a configuration, weights as it says."""
    return MatchingNetwork(config)
