"""`object-context`: each pixel of the coarsest features gathers from those alike (OCNet, CAMN)."""

from __future__ import annotations

from pydantic import Field

from vostool.core.options import Options
from vostool.nn.added_context import ContextTrunk
from vostool.nn.context.object_context import GROUPS, ObjectContext
from vostool.nn.trunk import STRIDES, Trunk

__all__ = ["STRIDES", "Config", "build"]


class Config(Options):
    """Choices of object context."""

    channels: int = Field(
        256, ge=2 * GROUPS, le=8192, multiple_of=2 * GROUPS, description="width of the context"
    )


def build(config: Config, trunk: Trunk) -> ContextTrunk:
    """The trunk with object context at stride 16, zero at first."""
    return ContextTrunk(trunk, ObjectContext(config.channels), config.channels)
