"""All numbers of online fine-tuning; every field's description is its documentation."""

from __future__ import annotations

from pydantic import Field

from vostool.core.options import Options
from vostool.training.finetuning.clips import FinetuneClipOptions
from vostool.training.finetuning.trained_parts import TrunkPart


class FinetuneOptions(Options):
    """How a network is tuned to each video."""

    iterations: int = Field(200, ge=1, description="when a video's first masks are given")
    late_iterations: int = Field(
        50, ge=0, description="each time that masks of further objects are given"
    )
    learning_rate: float = Field(5e-6, gt=0, description="of Adam, begun anew for each run")
    trunk: TrunkPart = Field(
        "last-stage",
        description="what is tuned of trunks; everything else is, BatchNorm excepted. The last "
        "stage is layer3 of a ResNet as STM has it, layer4 with the pyramid of Refine-50",
    )
    held_out: int = Field(4, ge=1, description="fixed warps on which progress is checked")
    check_every: int = Field(
        40, ge=1, description="iterations between two checks; shorter runs have none"
    )
    patience: int = Field(3, ge=1, description="checks in a row with a rising loss that end it")
    clips: FinetuneClipOptions = Field(
        FinetuneClipOptions(), description="how clips are made of the given frames"
    )
