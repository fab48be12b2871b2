"""Choices of space-time memory networks: their parts by name, and what the parts share."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from vostool.models import former
from vostool.nn import part_choice
from vostool.nn.part_choice import KINDS, PartChoice, Sizes
from vostool.nn.refine_trunk import RefineTrunk
from vostool.nn.trunk import STRIDES, Trunk
from vostool.nn.trunk_options import TrunkOptions


class SpaceTimeConfig(BaseModel):
    """Choices that all space-time memory networks have; defaults are STM's.

    A part is a name, such as `mixer = "aspp"`, or a table of name and options, such as
    `mixer = { name = "aspp", rates = [2, 4, 8] }`; `vostool/nn/parts/` has a folder for each kind.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    backbone: str = Field(
        "resnet50", description="any timm architecture with features at strides 4, 8, 16"
    )
    backbone_options: TrunkOptions = Field(
        TrunkOptions(), description="changes to that architecture"
    )
    weights: str = Field("none", description='"none", "imagenet", or a file in timm\'s names')
    mask_weights: float = Field(
        1.0,
        ge=0,
        description="factor on the initial weights of the masks' first convolutions; 0 for an "
        "encoder that sees no mask before training. One encoder for memory and query "
        "begins with keys that match best where the masks are alike; less weight lets "
        "images count",
    )
    mean: tuple[float, float, float] = Field(
        (0.485, 0.456, 0.406),
        description="per RGB channel, with which the backbone's weights were trained",
    )
    std: tuple[float, float, float] = Field(
        (0.229, 0.224, 0.225),
        description="per RGB channel, with which the backbone's weights were trained",
    )
    key_channels: int = Field(128, ge=1, description="of keys in memory")
    value_channels: int = Field(512, ge=1, description="of values in memory")
    decoder_channels: int = Field(256, ge=1, description="width of the decoder")
    encoder: PartChoice = Field(
        PartChoice(name="separate"),
        description='"separate", "shared" or "foreground-background", which needs a memory "two- '
        'sided"',
    )
    context: PartChoice = Field(
        PartChoice(name="none"),
        description='added to the backbone; "pyramid" makes "resnet50" Refine-50 of paper 004',
    )
    memory: PartChoice = Field(
        PartChoice(name="attention"), description='how memory is read, "attention" or "two-sided"'
    )
    mixer: PartChoice = Field(
        PartChoice(name="convolution"),
        description='what sees read-out and query value first, "convolution" or "aspp"',
    )
    prior: PartChoice = Field(
        PartChoice(name="none"),
        description='"spatial-constraint" weighs features by the previous frame\'s mask',
    )
    decoder: PartChoice = Field(PartChoice(name="skip"), description="from there to full size")
    refinement: PartChoice = Field(
        PartChoice(name="none"), description='"residual" improves each object\'s map at full size'
    )
    pad: bool = Field(
        True, description="pad frames to multiples of 16 (True) or resize them (False)"
    )
    detach_memory: bool = Field(
        False, description="cut the gradient at the predicted mask that goes back into memory"
    )
    hard_masks: float = Field(
        0.0,
        ge=0,
        le=1,
        description="in training, probability that a clip's predicted mask goes back into memory "
        "with each pixel wholly given to the likeliest object",
    )
    detached_masks: float = Field(
        0.0, ge=0, le=1, description="in training, probability that a clip's gradient is cut there"
    )

    @model_validator(mode="before")
    @classmethod
    def _of_before(cls, values: Any) -> Any:
        """Read what recipes and checkpoints said before networks were composed of parts."""
        defaults = {kind.word: cls.model_fields[kind.word].default for kind in KINDS}
        return former.current_values(values, defaults) if isinstance(values, dict) else values

    @field_validator(*(kind.word for kind in KINDS), mode="before")
    @classmethod
    def _known_part(cls, value: Any, info: ValidationInfo) -> PartChoice:
        (kind,) = (kind for kind in KINDS if kind.word == info.field_name)
        return kind.check(value, cls.model_fields[kind.word].default)

    @model_validator(mode="after")
    def _memory_reads_what_is_stored(self) -> SpaceTimeConfig:
        stored = getattr(part_choice.ENCODER.module(self.encoder.name), "STORES", "pixels")
        read = getattr(part_choice.MEMORY.module(self.memory.name), "READS", "pixels")
        if stored != read:
            raise ValueError(
                f"memory {self.memory.name} reads {read}, and encoder {self.encoder.name} stores "
                f"{stored}"
            )
        if stored == "sides" and self.value_channels % 2:
            raise ValueError(f"two sides cannot share {self.value_channels} value_channels")
        return self

    def build_trunk(self, mask_channels: int) -> Trunk | RefineTrunk:
        """A trunk as configured, with its context, which takes so many masks besides RGB."""
        context = None if self.context.left_out else part_choice.CONTEXT.module(self.context.name)
        strides = STRIDES if context is None else context.STRIDES
        trunk = Trunk(self.backbone, mask_channels, self.weights, self.backbone_options, strides)
        for stem in trunk.stems():
            stem.scale_masks(self.mask_weights)
        if context is None:
            return trunk
        return context.build(context.Config.model_validate(self.context.options), trunk)

    def sizes(self, skips: tuple[int, int]) -> Sizes:
        """What parts have to agree on, with an encoder whose skips have so many channels."""
        return Sizes(skips, self.key_channels, self.value_channels, self.decoder_channels)
