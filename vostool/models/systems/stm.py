"""STM: Video Object Segmentation using Space-Time Memory Networks (Oh et al., ICCV 2019).

Baseline of papers 000, 001 and 004. Two encoders: one sees RGB, the object's mask and the union of
the other objects' masks, the other sees RGB alone. With `mixer = "aspp"` it is the second row of
paper 000's ablation.
"""

from __future__ import annotations

from vostool.models.space_time import SpaceTimeNetwork
from vostool.models.space_time_config import SpaceTimeConfig


class Config(SpaceTimeConfig):
    """Choices of STM, which are the defaults of `SpaceTimeConfig`."""


def build(config: Config) -> SpaceTimeNetwork:
    """The network of a configuration, weights as it says."""
    return SpaceTimeNetwork(config)
