"""The Segmenter protocol and one module per system.

A system module has `Config` (a pydantic model) and `build(config) -> Segmenter`. A package outside
vostool joins through an entry point of group `vostool.segmenters` that names such a module.
"""

from vostool.models.segmenter import (
    ENTRY_POINT_GROUP,
    Features,
    FrameViews,
    InputSpec,
    Prediction,
    Region,
    Segmenter,
    State,
)

__all__ = [
    "ENTRY_POINT_GROUP",
    "Features",
    "FrameViews",
    "InputSpec",
    "Prediction",
    "Region",
    "Segmenter",
    "State",
]
