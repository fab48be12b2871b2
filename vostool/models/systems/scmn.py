"""SCMN: Spatial Consistent Memory Network (Zhang et al., DAVIS 2020 challenge, paper 001).

STM with ASPP behind the memory read, a spatial constraint from the previous frame's mask, and a
refinement of each object's map before soft aggregation. Every part can be left out; without all
three it is STM.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from pydantic import Field

from vostool.core.types import Fate
from vostool.models.segmenter import FrameViews
from vostool.models.space_time import MemoryState, QueryFeatures
from vostool.models.systems import stm
from vostool.nn.refinement import Refinement
from vostool.nn.spatial_constraint import SpatialConstraint, prior_of_masks


class Config(stm.Config):
    """Choices of SCMN; see also `stm.Config`.

    Attributes:
        aspp_rates: dilation rates; 1 stands for a 1x1 convolution, () for no ASPP.
        spatial_constraint: weigh the features by what the previous frame's mask suggests.
        prior_weight: what the constraint makes of the previous mask before training, see there: a
            start of 0 takes more than a few hundred iterations to leave.
        refinement: refine each object's map at full size.
        refinement_channels: width of the refinement.
    """

    aspp_rates: tuple[int, ...] = (2, 4, 8)
    spatial_constraint: bool = True
    prior_weight: float = Field(0.0, ge=0)
    refinement: bool = True
    refinement_channels: int = Field(64, ge=1)


class SCMN(stm.STM):
    """The network; satisfies `Segmenter`."""

    parts_that_may_be_new = stm.STM.parts_that_may_be_new | {"constraint", "refinement"}
    """So that training can start from an STM."""

    def __init__(self, config: Config):
        super().__init__(config)
        self.constraint: SpatialConstraint | None = None
        self.refinement: Refinement | None = None
        if config.spatial_constraint:
            self.constraint = SpatialConstraint(config.decoder_channels, config.prior_weight)
            self.input_spec = dataclasses.replace(self.input_spec, every_frame=True)
        if config.refinement:
            self.refinement = Refinement(config.refinement_channels)

    def memorize(
        self,
        frame: FrameViews,
        features: QueryFeatures,
        probabilities: torch.Tensor,
        state: MemoryState,
        fates: Sequence[Fate],
    ) -> None:
        """See `Segmenter.memorize`; the masks are the next frame's prior too."""
        super().memorize(frame, features, probabilities, state, fates)
        state.prior = self._prior(probabilities[:, 1:])

    def _prior(self, masks: torch.Tensor) -> torch.Tensor | None:
        return None if self.constraint is None else prior_of_masks(masks)

    def _constrain(self, features: torch.Tensor, prior: torch.Tensor | None) -> torch.Tensor:
        if self.constraint is None or prior is None:
            return features
        return self.constraint(features, prior)

    def _refine(self, logits: torch.Tensor) -> torch.Tensor:
        return logits if self.refinement is None else self.refinement(logits)


def build(config: Config) -> SCMN:
    """The network of a configuration, weights as it says."""
    return SCMN(config)
