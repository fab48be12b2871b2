"""`residual`: a small network at full size adds to each object's logits (SCMN, section 2.2)."""

from __future__ import annotations

from pydantic import Field

from vostool.core.options import Options
from vostool.nn.refinement import Refinement


class Config(Options):
    """Choices of the refinement."""

    channels: int = Field(64, ge=1, description="width of all maps inside")


def build(config: Config) -> Refinement:
    """The refinement."""
    return Refinement(config.channels)
