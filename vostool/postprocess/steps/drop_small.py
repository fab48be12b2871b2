"""Remove small 8-connected components of each object in each frame."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from vostool.postprocess.components import Components
from vostool.postprocess.sequence import Lost, MaskSequence


class Params(BaseModel):
    """What counts as small."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_area: int = Field(64, ge=1, description="Components below this area go (pixels).")
    keep_largest: bool = Field(
        True,
        description="Keep an object's largest component whatever its area, so that small objects "
        "are not lost.",
    )


def apply(sequence: MaskSequence, params: Params) -> MaskSequence:
    """Remove components of fewer than `min_area` pixels."""

    why = f"pieces smaller than {params.min_area} pixels"

    def small(object_id: int, mask: np.ndarray) -> Lost | None:
        components = Components.of(mask)
        chosen = components.areas < params.min_area
        if params.keep_largest:
            chosen[components.areas.argmax()] = False
        return Lost(components.select(chosen), why) if chosen.any() else None

    return sequence.remove_everywhere(small)
