"""What does not change the results of inference: where it is computed, and what is written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from vostool.core.options import Flag, Options


class Execution(Options):
    """Where networks run, and what is written."""

    device: Annotated[str, Flag()] = Field("auto", description="auto, cpu, cuda or cuda:N")
    compile: Annotated[bool, Flag()] = Field(
        False, description="compile the networks' parts: slow start, quick frames"
    )
    save_probabilities: Annotated[bool, Flag()] = Field(
        False, description="write uint8 probabilities beside the masks, for `vostool ensemble`"
    )
    all_frames: Annotated[bool, Flag()] = Field(
        False, description="write every frame, not only those that the data set's server wants"
    )
    model_files: Annotated[dict[str, tuple[Path, ...]], Flag("--model-file")] = Field(
        default_factory=dict,
        description="model files by the name of what reads them (a tracker, a source of "
        "proposals), in its order: vit=vit.onnx",
    )
