"""FAMNet: Feature Aligned Memory Network (Yang et al., YouTube-VOS 2021, paper 000).

Differences to STM: one encoder of four channels for memory (RGB and the object's mask) and query
(RGB and ones), hence aligned features; ASPP between memory read and decoder. The paper gives no
dilation rates.
"""

from __future__ import annotations

from vostool.models.space_time import SpaceTimeNetwork
from vostool.models.space_time_config import SpaceTimeConfig
from vostool.nn.part_choice import PartChoice


class Config(SpaceTimeConfig):
    """Choices of FAMNet; see `SpaceTimeConfig`."""

    encoder: PartChoice = PartChoice(name="shared")
    mixer: PartChoice = PartChoice(name="aspp")
    pad: bool = False


def build(config: Config) -> SpaceTimeNetwork:
    """The network of a configuration, weights as it says."""
    return SpaceTimeNetwork(config)
