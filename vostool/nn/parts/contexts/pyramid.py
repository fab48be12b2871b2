"""`pyramid`: a feature pyramid down from stride 32, zero at first; ResNet-50 becomes Refine-50."""

from __future__ import annotations

from pydantic import Field

from vostool.core.options import Options
from vostool.nn.refine_trunk import COARSEST, PYRAMID_CHANNELS, RefineTrunk
from vostool.nn.trunk import STRIDES as TRUNK_STRIDES
from vostool.nn.trunk import Trunk

STRIDES = (*TRUNK_STRIDES, COARSEST)


class Config(Options):
    """Choices of the pyramid."""

    channels: int = Field(PYRAMID_CHANNELS, ge=1, le=8192, description="width of the pyramid")


def build(config: Config, trunk: Trunk) -> RefineTrunk:
    """The trunk with a pyramid on it."""
    return RefineTrunk(trunk, config.channels)
