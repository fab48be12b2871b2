"""All numbers of online fine-tuning; every field's description is its documentation."""

from __future__ import annotations

from pydantic import Field

from vostool.core.errors import UsageError
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
        "last-stage", description="what is tuned of trunks; everything else is, BatchNorm excepted"
    )
    held_out: int = Field(4, ge=1, description="fixed warps on which progress is checked")
    check_every: int = Field(
        40, ge=1, description="iterations between two checks; shorter runs have none"
    )
    patience: int = Field(3, ge=1, description="checks in a row with a rising loss that end it")
    clips: FinetuneClipOptions = FinetuneClipOptions()


def choose_finetune(
    wanted: bool, iterations: int | None, base: FinetuneOptions | None = None
) -> FinetuneOptions | None:
    """What `--online-finetune` and `--ft-iterations` say together.

    Args:
        base: options of a recipe: fine-tuning is wanted then, and only the iterations may differ.

    Raises:
        UsageError: they contradict, or the number makes no sense.
    """
    if base is None and wanted:
        base = FinetuneOptions()
    if base is None and iterations is not None:
        raise UsageError(
            f"--ft-iterations {iterations} has no effect without fine-tuning",
            remedy="pass --online-finetune too",
        )
    if base is None or iterations is None:
        return base
    if iterations < 1:
        raise UsageError(
            f"--ft-iterations {iterations} makes no sense", remedy="it must be at least 1"
        )
    late = min(iterations, base.late_iterations)
    return base.model_copy(update={"iterations": iterations, "late_iterations": late})
