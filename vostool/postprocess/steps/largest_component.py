"""Keep the largest 8-connected component of each object in each frame."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict

from vostool.postprocess.components import Components
from vostool.postprocess.sequence import Lost, MaskSequence


class Params(BaseModel):
    """This step has no parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def apply(sequence: MaskSequence, params: Params) -> MaskSequence:
    """Remove all but the largest component; of equal ones the first in raster order stays."""

    def smaller(object_id: int, mask: np.ndarray) -> Lost | None:
        components = Components.of(mask)
        if len(components) < 2:
            return None
        others = np.arange(len(components)) != components.areas.argmax()
        return Lost(components.select(others), "not the largest piece")

    return sequence.remove_everywhere(smaller)
