"""`spatial-constraint`: features are weighed by what the previous mask suggests (SCMN)."""

from __future__ import annotations

from pydantic import Field

from vostool.core.options import Options
from vostool.nn.part_choice import Sizes
from vostool.nn.spatial_constraint import SpatialConstraint


class Config(Options):
    """Choices of the constraint."""

    prior_weight: float = Field(
        0.0,
        ge=0,
        description="what it makes of the previous mask before training: a start of 0 takes more "
        "than a few hundred iterations to leave",
    )


def build(config: Config, sizes: Sizes) -> SpatialConstraint:
    """The constraint."""
    return SpatialConstraint(sizes.width, config.prior_weight)
