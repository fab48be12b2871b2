"""`pyramid-attention`: a pyramid weighs the coarsest features (Pyramid Attention Network, CAMN)."""

from __future__ import annotations

from pydantic import Field

from vostool.core.options import Options
from vostool.nn.added_context import ContextTrunk
from vostool.nn.context.pyramid_attention import PyramidAttention
from vostool.nn.trunk import STRIDES, Trunk

__all__ = ["STRIDES", "Config", "build"]


class Config(Options):
    """Choices of pyramid attention."""

    channels: int = Field(
        256, ge=64, le=8192, multiple_of=64, description="width of the context, pyramid a quarter"
    )


def build(config: Config, trunk: Trunk) -> ContextTrunk:
    """The trunk with pyramid attention at stride 16, zero at first."""
    return ContextTrunk(trunk, PyramidAttention(config.channels), config.channels)
