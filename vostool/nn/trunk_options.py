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
    """Changes to a timm architecture; what is not given stays as the architecture has it.

    Attributes:
        layers: blocks per stage of a ResNet-like network.
        channels: their widths before the blocks' expansion.
        cardinality, base_width: groups of the 3x3 convolutions, and their width at 64 channels.
        stem_type: "deep" puts three 3x3 convolutions for the 7x7 one.
        stem_width: channels of the first of them.
        norm_layer: normalisation instead of BatchNorm; "groupnorm1" has one group.
        pad_type: "same" pads as TensorFlow does, which weights trained there need.
        output_stride: of the last stages, which are dilated instead of strided.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    layers: Annotated[tuple[Blocks, ...], Stages] | None = None
    channels: Annotated[tuple[Channels, ...], Stages] | None = None
    cardinality: Channels | None = None
    base_width: Channels | None = None
    stem_type: Literal["deep"] | None = None
    stem_width: Channels | None = None
    norm_layer: Literal["groupnorm1"] | None = None
    pad_type: Literal["same"] | None = None
    output_stride: Literal[8, 16, 32] | None = None

    @model_serializer(mode="wrap")
    def _given(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Only what was given, so that recipes keep their values when this list grows."""
        return {key: value for key, value in serialise(self).items() if value is not None}
