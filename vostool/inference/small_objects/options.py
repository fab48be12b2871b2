"""All numbers of the small objects' second pass; every field's description documents it."""

from __future__ import annotations

from pydantic import Field

from vostool.core.options import Options


class SmallObjectsOptions(Options):
    """Which objects are segmented again, how large they are seen, and which frames count."""

    largest_area: float = Field(
        0.005,
        gt=0,
        le=1,
        description="an object is small if the median of its areas in the first pass, over the "
        "frames that have it, is below this part of the frame",
    )
    target_side: float = Field(
        160.0, gt=0, description="pixels that the root of its box's median area is enlarged to"
    )
    largest_zoom: float = Field(4.0, ge=1, description="most seen pixels per pixel of the frame")
    smoothing: float = Field(
        0.7, ge=0, lt=1, description="part of the last centre in the next one of the window"
    )
    largest_cut: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="part of the given mask that the window may cut off; else it is enlarged",
    )
    least_overlap: float = Field(
        0.3, ge=0, le=1, description="least IoU with the first pass in a frame that is accepted"
    )
    unsure_below: float = Field(
        0.6,
        ge=0,
        le=1,
        description="mean probability of the first pass on its own mask below which a frame is "
        "accepted whatever the overlap",
    )
