"""What does not change the results of inference: where it is computed, and what is written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, PlainSerializer, PlainValidator

from vostool.core.options import Flag, Options
from vostool.core.parsed import whole_number_or, written_with

_AUTO = {"auto": None}
Chunk = Annotated[
    int | None, PlainValidator(whole_number_or(_AUTO)), PlainSerializer(written_with(_AUTO))
]


class Execution(Options):
    """Where networks run, and what is written."""

    device: Annotated[str, Flag()] = Field("auto", description="auto, cpu, cuda or cuda:N")
    compile: Annotated[bool, Flag()] = Field(
        False, description="compile the networks' parts: slow start, quick frames"
    )
    objects_at_once: Annotated[Chunk, Flag()] = Field(
        None,
        description="most objects that go through the networks together: fewer need less memory; "
        "auto: eight in frames of 480p, fewer in larger ones",
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
