"""What may be chosen of a trunk besides its name: numbers and names from short lists.

A recipe travels inside a checkpoint, so its values may be a stranger's. timm takes much more than
this, files, addresses and layers of any class among it; nothing but what is listed here gets there.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

Stages = Field(min_length=1, max_length=8)
Blocks = Annotated[int, Field(ge=1, le=100)]
Channels = Annotated[int, Field(ge=1, le=8192)]


class TrunkOptions(BaseModel):
    """Changes to a timm architecture; what is not given stays as the architecture has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    layers: Annotated[tuple[Blocks, ...], Stages] | None = Field(
        None, description="blocks per stage of a ResNet-like network"
    )
    channels: Annotated[tuple[Channels, ...], Stages] | None = Field(
        None, description="widths of the stages before the blocks' expansion"
    )
    cardinality: Channels | None = Field(None, description="groups of the 3x3 convolutions")
    base_width: Channels | None = Field(None, description="width of a group at 64 channels")
    stem_type: Literal["deep"] | None = Field(
        None, description='"deep" puts three 3x3 convolutions for the 7x7 one'
    )
    stem_width: Channels | None = Field(
        None, description="channels of a deep stem's first convolution"
    )
    norm_layer: Literal["groupnorm1"] | None = Field(
        None, description='normalisation instead of BatchNorm; "groupnorm1" has one group'
    )
    pad_type: Literal["same"] | None = Field(
        None, description='"same" pads as TensorFlow does, which weights trained there need'
    )
    output_stride: Literal[8, 16, 32] | None = Field(
        None, description="stride of the last stages, which are dilated to keep it"
    )

    @model_serializer(mode="wrap")
    def _given(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Only what was given, so that recipes keep their values when this list grows."""
        return {key: value for key, value in serialise(self).items() if value is not None}
