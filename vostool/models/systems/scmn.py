"""SCMN: Spatial Consistent Memory Network (Zhang et al., DAVIS 2020 challenge, paper 001).

STM with ASPP behind the memory read, a spatial constraint from the previous frame's mask, and a
refinement of each object's map before soft aggregation.
"""

from __future__ import annotations

from vostool.models.space_time import SpaceTimeNetwork
from vostool.models.space_time_config import SpaceTimeConfig
from vostool.nn.part_choice import PartChoice


class Config(SpaceTimeConfig):
    """Choices of SCMN; see `SpaceTimeConfig`."""

    mixer: PartChoice = PartChoice.model_validate({"name": "aspp", "rates": [2, 4, 8]})
    prior: PartChoice = PartChoice(name="spatial-constraint")
    refinement: PartChoice = PartChoice(name="residual")


def build(config: Config) -> SpaceTimeNetwork:
    """The network of a configuration, weights as it says."""
    return SpaceTimeNetwork(config)
