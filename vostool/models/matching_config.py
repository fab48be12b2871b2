"""Choices of networks that match pixels with reference frames and the previous frame."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from vostool.nn.instances.matched_planes import MatchingPlan
from vostool.nn.trunk_options import TrunkOptions

STRIDES = (4, 8, 16)
WINDOWS = ((4, 8, 12, 16, 20, 24), (2, 4, 6, 8, 10, 12), (2, 4, 6, 8, 10))
"""CFBI+'s windows at strides 4, 8 and 16; the first have a rate of 2."""
HALVED_WINDOWS = (2, 4, 6, 8, 10, 12)
"""CFBI's, on maps of half the size."""

Windows = tuple[int, ...]


class MatchingConfig(BaseModel):
    """Choices of CFBI, CFBI+ and CAMN."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backbone: str = Field(
        "resnet101",
        description="any timm architecture with features at strides 4 and 8; its last stages are "
        "dilated, so that they stay at stride 16",
    )
    backbone_options: TrunkOptions = Field(
        TrunkOptions(), description="changes to that architecture"
    )
    weights: str = Field("none", description='"none", "imagenet", or a file in timm\'s names')
    multi_grid: tuple[int, ...] = Field(
        (1, 2, 4), description="factors on the dilation of the last stage's blocks, in a ResNet"
    )
    mean: tuple[float, float, float] = Field(
        (0.485, 0.456, 0.406),
        description="normalisation that the backbone's weights were trained with",
    )
    std: tuple[float, float, float] = Field(
        (0.229, 0.224, 0.225),
        description="normalisation that the backbone's weights were trained with",
    )
    width: int = Field(
        256,
        ge=128,
        multiple_of=128,
        description="channels of the backbone's head, of the pyramid and of the ensembler's first"
        " stage",
    )
    neck: Literal["none", "fpn", "fpn+pan"] = Field(
        "fpn",
        description='"none" matches at stride 4 alone (CFBI), "fpn" at three scales (CFBI+); '
        '"fpn+pan" adds PANet\'s way back up',
    )
    embedding: int = Field(
        100, ge=4, multiple_of=4, description="channels of the embedding without a neck"
    )
    plane_channels: int = Field(
        64, ge=4, multiple_of=4, description="what the matched planes are mapped to without a neck"
    )
    matched: tuple[int, int, int] = Field(
        (32, 64, 128),
        description="channels of the pyramid that are compared, at strides 4, 8 and 16",
    )
    windows: tuple[Windows, Windows, Windows] = Field(
        WINDOWS, description="of local matching at the three scales"
    )
    halved_windows: Windows = Field(HALVED_WINDOWS, description="of local matching without a neck")
    global_rates: tuple[int, int, int] = Field(
        (1, 1, 1), description="of the reference grid at the three scales"
    )
    training_rates: tuple[int, int, int] = Field(
        (2, 1, 1), description="the same while training, as CFBI+ is trained"
    )
    sampled_vectors: bool = Field(
        False,
        description="while training, count only the reference frame's pixels on the training "
        "rate's grid in what describes an instance, and all others as outside of it, as published "
        "CFBI+ does without meaning to",
    )
    local_rates: tuple[int, int, int] = Field(
        (2, 1, 1), description="of local matching at the three scales"
    )
    object_context: Literal["off", "base", "asp"] = Field(
        "off",
        description='"base" adds OCNet\'s context to the map at stride 16, "asp" puts ASP-OC in '
        "the place of the ASPP",
    )
    pyramid_attention: Literal["off", "head", "head-transposed"] = Field(
        "off",
        description='"head" puts FPA in the place of the ensembler\'s ASPP; "head-transposed" the '
        "public code's form of it",
    )
    memory: Literal["off", "multiply", "prior"] = Field(
        "off",
        description="scheme of the foreground-background memory, see `ForegroundBackgroundMemory`",
    )
    memory_key_channels: int = Field(128, ge=1, description="of the memory's keys")
    memory_value_channels: int = Field(256, ge=1, description="of the memory's values")
    shared_key: bool = Field(
        False, description="of the memory: one key of the whole embedding for both sides"
    )
    weighted: bool = Field(
        True, description="of the memory: pixels count as much as they belong to a side"
    )
    shortcut: int = Field(
        64, ge=4, multiple_of=4, description="channels of the ensembler's shortcut"
    )
    pad: bool = Field(False, description="pad frames (True) or resize them (False), as CFBI does")
    checkpoint_frames: bool = Field(
        False,
        description="compute a frame's activations again for its gradient, one frame at a time, "
        "instead of holding those of the whole clip",
    )

    @model_validator(mode="after")
    def _windows_can_be_searched(self) -> MatchingConfig:
        for windows in (*self.windows, self.halved_windows):
            if not windows or min(windows) < 1 or len(set(windows)) < len(windows):
                raise ValueError(f"windows must be different sizes of at least 1, got {windows}")
        if min(*self.global_rates, *self.training_rates, *self.local_rates) < 1:
            raise ValueError("rates must be at least 1")
        if not 1 <= min(self.matched) <= max(self.matched) <= self.width:
            raise ValueError(f"matched channels must lie in 1..{self.width} (width)")
        return self

    def plans(self) -> tuple[MatchingPlan, ...]:
        """How each scale is matched: stride 4 alone, or strides 4, 8 and 16."""
        if self.neck == "none":
            return (MatchingPlan(self.halved_windows, None, self.global_rates[0], halved=True),)
        return tuple(
            MatchingPlan(windows, channels, rate, local_rate, training_rate=training_rate)
            for windows, channels, rate, local_rate, training_rate in zip(
                self.windows,
                self.matched,
                self.global_rates,
                self.local_rates,
                self.training_rates,
                strict=True,
            )
        )
