"""All numbers of crop-then-zoom; every field's description is its documentation."""

from __future__ import annotations

from pydantic import Field, field_validator

from vostool.core import registry
from vostool.core.options import Options
from vostool.core.suggest import did_you_mean
from vostool.inference.tracker import DEFAULT, PACKAGE


class CropZoomOptions(Options):
    """Thresholds of crop-then-zoom. FAMNet (section 2.2) fixes `largest_side` only; the rest is
    this project's reading. "Pixels" are those of the original frame unless said otherwise.
    """

    tracker: str = Field(
        DEFAULT,
        description="what follows objects: mask-box (needs no model file), vit, nano or mil",
    )
    largest_side: int = Field(
        200, ge=1, description="pixels; objects whose box ever is that wide or high are left alone"
    )
    visible_pixels: int = Field(
        16,
        ge=1,
        description="least pixels of a mask that count as seeing the object (or neighbour)",
    )
    speck_share: float = Field(
        0.05, ge=0, le=1, description="mask components below this share of the largest are ignored"
    )
    agreement_iou: float = Field(
        0.5, gt=0, le=1, description="least IoU of mask box and tracker box in an agreeing frame"
    )
    least_agreement: float = Field(
        0.5, ge=0, le=1, description="least share of agreeing frames among those with the object"
    )
    lost_after: int = Field(
        5, ge=1, description="disagreeing frames in a row after which a tracker counts as lost"
    )
    least_score: float = Field(
        0.3, ge=0, le=1, description="tracker score below which its box is not used for windows"
    )
    margin: float = Field(
        2.5, ge=1, description="height of the window, in heights of the largest box"
    )
    least_height: int = Field(96, ge=16, description="pixels; windows are at least that high")
    smoothing: int = Field(
        5, ge=1, description="frames of the running median over window centres; 1 is none"
    )
    zoom_height: int = Field(384, ge=16, description="height that the network sees, in its pixels")
    zoom_width: int = Field(640, ge=16, description="width that the network sees, in its pixels")
    largest_zoom: float = Field(4.0, ge=1, description="most network pixels per pixel")
    least_gain: float = Field(
        1.0,
        ge=0,
        description="least enlargement compared with the preliminary pass; objects that would gain "
        "less are left alone",
    )
    least_overlap: float = Field(
        0.5,
        ge=0,
        le=1,
        description="least mean IoU of zoomed and preliminary mask over agreeing frames; below, "
        "the zoomed result of the object is dropped",
    )
    least_coverage: float = Field(
        0.5,
        ge=0,
        le=1,
        description="least share of the preliminary mask inside the window; below, the frame keeps "
        "its preliminary result",
    )

    empty_when_left: bool = Field(
        False,
        description="keep the preliminary result where an object has left: it is not seen, and was "
        "at the frame's border when it was seen last",
    )
    border: int = Field(2, ge=0, description="pixels from the frame's border that count as there")

    @field_validator("tracker")
    @classmethod
    def _known(cls, name: str) -> str:
        names, name = registry.names(PACKAGE), name.replace("_", "-")
        if name not in names:
            hint = did_you_mean(name, names)
            raise ValueError(f"unknown tracker {name!r}: {hint}known: {', '.join(names)}")
        return name

    @property
    def aspect(self) -> float:
        """Width over height of windows, 5:3 by default."""
        return self.zoom_width / self.zoom_height
